// Makes poll-proofs.json: proofs of polls, signed by viem, which knows nothing
// of this project. Run in this directory, with viem 2 to be found:
// npm install --no-save viem && node poll-proofs.mjs
import { writeFileSync } from "node:fs";
import { hashMessage, stringToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const keys = [
  "0x4bddf931db0fa98d694fd8b903af5742b3b254b68895941a80a7a06161d30d09",
  "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
  "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
];
const regions = ["US-West", "", "unknown", "<a>&\"b\"\\", "Zürich\u2028\u2029", "\u0000\u001f\u007f\t", "東京 🦞", "x".repeat(64)];
const nonces = ["0123456789abcdef", "f".repeat(64), "0f8fad5b-d9cb-469f-a165-70867728950e", "ABCDEFGHIJKLMNOP_-", "3b9aca00deadbeef3b9aca00deadbeef"];
const times = [1764000000000, 1, 8640000000000000, 1764000000001, 999999999999];

const out = [];
for (let i = 0; i < 24; i++) {
  const account = privateKeyToAccount(keys[i % keys.length]);
  const address = i % 2 ? account.address.toLowerCase() : account.address;
  const [region, nonce, time] = [regions[i % regions.length], nonces[i % nonces.length], times[(i * 2) % times.length]];
  const message = JSON.stringify({ method: "GET", path: "/v1/worker/tasks", address, region, time, nonce });
  out.push({
    privateKey: keys[i % keys.length], address, region, time, nonce, message, messageHex: stringToHex(message),
    eip191Hash: hashMessage(message), signature: await account.signMessage({ message }),
  });
}
writeFileSync("poll-proofs.json", JSON.stringify(out, null, 1) + "\n");
