// Makes result-ids.json: signed results and their ids, computed by JavaScript
// as ResultID documents it. Run in this directory: node result-ids.mjs
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const vectors = JSON.parse(readFileSync("result-messages.json", "utf8"));
const errors = [undefined, "Timeout after 10000ms", "x < y && \"quoted\"\u2028\n", "ошибка 🦞", "\u0000\u001f\u007f"];
const statuses = [200, undefined, 503, 100, 599];

// The first forty are as old workers send them. The others also say what
// failed, and how long each phase took.
const classes = ["dns", "connect", "tls", "timeout", "status", "protocol", "body"];
const timings = [
  { dns: 3, connect: 14, tls: 15, firstByte: 92, total: 130 },
  { dns: 10000, total: 10000 },
  { total: 0 },
  undefined,
  { connect: 3600000, firstByte: 0 },
];

const make = (v, i, detail) => {
  const result = {
    ...v.fields,
    responseTimeMs: i === 7 ? Number.MAX_SAFE_INTEGER : i * 37,
    statusCode: statuses[i % statuses.length],
    error: errors[Math.floor(i / 2) % errors.length],
    ...detail,
    signature: v.signature,
  };
  const id = createHash("sha256").update(JSON.stringify(result), "utf8").digest("hex");
  return { result, id };
};
const out = [
  ...vectors.map((v, i) => make(v, i, {})),
  ...vectors.map((v, i) => make(v, i, {
    errorClass: v.fields.success ? undefined : classes[i % classes.length],
    timings: timings[i % timings.length],
  })),
];
writeFileSync("result-ids.json", JSON.stringify(out, null, 1) + "\n");
