// Compiles src/*.sol into contracts.json: ABI and run-time bytecode, with the
// digest of everything they were made from.
//
//   npm install && node build.mjs           writes contracts.json
//   npm install && node build.mjs --check   fails if it would be another
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const wanted = "0.8.37";
const solc = createRequire(import.meta.url)("solc");
if (!solc.version().startsWith(wanted + "+")) {
  throw new Error(`solc ${solc.version()} is installed, ${wanted} is wanted: run npm install`);
}

const here = (name) => new URL(name, import.meta.url);
const names = readdirSync(here("src")).filter((n) => n.endsWith(".sol")).sort();
const sources = Object.fromEntries(names.map((n) => [n, { content: readFileSync(here("src/" + n), "utf8") }]));

// The digest that the Go test recomputes: each file's name and content, with
// lengths, this script first.
const digest = createHash("sha256");
for (const [name, content] of [
  ["build.mjs", readFileSync(here("build.mjs"), "utf8")],
  ...names.map((n) => [n, sources[n].content]),
]) {
  digest.update(`${name} ${Buffer.byteLength(content)}\n${content}`);
}

const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources,
      settings: {
        // Base and the local chain both run Cancun's instructions.
        evmVersion: "cancun",
        // For cheap calls, as Circle's contract is: payouts are measured on it.
        optimizer: { enabled: true, runs: 10_000_000 },
        metadata: { appendCBOR: false, bytecodeHash: "none" },
        outputSelection: { "*": { "*": ["abi", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"] } },
      },
    }),
  ),
);
const complaints = output.errors ?? [];
if (complaints.length > 0) {
  console.error(complaints.map((e) => e.formattedMessage).join("\n"));
  process.exit(1);
}

const contracts = {};
for (const file of Object.values(output.contracts)) {
  for (const [name, { abi, evm }] of Object.entries(file)) {
    const code = evm.deployedBytecode;
    if (Object.keys(code.immutableReferences ?? {}).length > 0) {
      throw new Error(`${name} has immutables: its code cannot stand in a genesis block`);
    }
    if (["Token", "Proxy", "Multicall", "Wallet"].includes(name)) {
      contracts[name] = { abi, runtime: "0x" + code.object };
    }
  }
}

const made = JSON.stringify({ solc: solc.version(), sources: digest.digest("hex"), contracts }, null, 1) + "\n";
if (process.argv.includes("--check")) {
  if (readFileSync(here("contracts.json"), "utf8") !== made) {
    console.error("contracts.json is not what the sources make: run node build.mjs");
    process.exit(1);
  }
} else {
  writeFileSync(here("contracts.json"), made);
}
