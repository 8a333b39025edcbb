// Makes result-ids.json: signed results and their ids, computed by JavaScript
// as ResultID documents it. Run in this directory: node result-ids.mjs
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const vectors = JSON.parse(readFileSync("result-messages.json", "utf8"));
const errors = [undefined, "Timeout after 10000ms", "x < y && \"quoted\"\u2028\n", "ошибка 🦞", "\u0000\u001f\u007f"];
const statuses = [200, undefined, 503, 100, 599];

const out = vectors.map((v, i) => {
  const result = {
    ...v.fields,
    responseTimeMs: i === 7 ? Number.MAX_SAFE_INTEGER : i * 37,
    statusCode: statuses[i % statuses.length],
    error: errors[Math.floor(i / 2) % errors.length],
    signature: v.signature,
  };
  const id = createHash("sha256").update(JSON.stringify(result), "utf8").digest("hex");
  return { result, id };
});
writeFileSync("result-ids.json", JSON.stringify(out, null, 1) + "\n");
