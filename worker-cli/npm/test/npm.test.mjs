import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack } from "../pack.mjs";

const npm = join(dirname(fileURLToPath(import.meta.url)), "..");
const work = mkdtempSync(join(tmpdir(), "worker-npm-"));
after(() => rmSync(work, { recursive: true }));

// What goreleaser leaves behind, with shell scripts as programs.
function released(name, targets) {
  const dist = join(work, name, "dist");
  mkdirSync(dist, { recursive: true });
  const artifacts = [{ type: "Archive", path: "dist/x.tar.gz" }];
  for (const [goos, goarch] of targets) {
    const path = `dist/worker-cli_${goos}_${goarch}`;
    writeFileSync(join(work, name, path), script);
    artifacts.push({ type: "Binary", goos, goarch, path });
  }
  writeFileSync(join(dist, "artifacts.json"), JSON.stringify(artifacts));
  writeFileSync(join(dist, "metadata.json"), JSON.stringify({ version: "1.2.3" }));
  return dist;
}
const script = `#!/bin/sh
case $1 in
  args) shift; printf '<%s>' "$@" ;;
  exit) exit $2 ;;
  die) kill -KILL $$ ;;
  wait) trap 'echo got int; exit 7' INT; trap 'echo got term; exit 8' TERM; echo ready; while :; do sleep 0.05; done ;;
esac
`;
const all = ["linux", "darwin", "windows"].flatMap((os) => ["amd64", "arm64"].map((cpu) => [os, cpu]));

test("a release becomes seven packages of one version", async () => {
  const { out } = await pack(released("all", all));
  const read = (name) => JSON.parse(readFileSync(join(out, name, "package.json"), "utf8"));
  assert.deepEqual(readdirSync(out).sort(), ["worker", "worker-darwin-arm64", "worker-darwin-x64", "worker-linux-arm64", "worker-linux-x64", "worker-win32-arm64", "worker-win32-x64"]);
  const worker = read("worker");
  assert.equal(worker.version, "1.2.3");
  assert.deepEqual(Object.values(worker.optionalDependencies), Array(6).fill("1.2.3"));
  for (const name of Object.keys(worker.optionalDependencies)) {
    const one = read(name.replace("@blockrun/", ""));
    assert.equal(one.name, name);
    assert.equal(one.version, "1.2.3");
    assert.equal(name, `@blockrun/worker-${one.os}-${one.cpu}`);
    assert.ok(statSync(join(out, name.replace("@blockrun/", ""), one.files[0])).mode & 0o100, "can be run");
  }
  for (const name of readdirSync(out)) { // nothing runs when they are installed
    assert.equal(read(name).scripts, undefined);
    assert.equal(read(name).dependencies, undefined);
  }
});

test("a release that is not whole becomes none", async () => {
  await assert.rejects(pack(released("five", all.slice(1))), /for 5 systems, not 6/);
  await assert.rejects(pack(released("twice", [...all, all[0]])), /two programs/);
  await assert.rejects(pack(released("strange", [...all, ["plan9", "amd64"]])), /plan9/);
});

// Installed as npm does it: the wrapper, and beside it what fits this system.
const installed = join(work, "node_modules", "@blockrun");
async function install() {
  const { out } = await pack(released("installed", all));
  const one = `worker-${process.platform}-${process.arch}`;
  for (const name of ["worker", one]) cpSync(join(out, name), join(installed, name), { recursive: true });
  chmodSync(join(installed, one, process.platform === "win32" ? "worker-cli.exe" : "worker-cli"), 0o755);
  return join(installed, "worker", "worker-cli.js");
}
const posix = { skip: process.platform === "win32" && "the stand-in is a shell script" };

test("arguments, exit codes and signals are the worker's", posix, async () => {
  const js = await install();
  const run = (...args) => spawnSync(process.execPath, [js, ...args], { encoding: "utf8" });
  assert.equal(run("args", "a b", "", "--json", "*").stdout, "<a b><><--json><*>");
  assert.equal(run("exit", "0").status, 0);
  assert.equal(run("exit", "7").status, 7);
  assert.equal(run("die").signal, "SIGKILL");
  for (const [signal, code, text] of [["SIGINT", 7, "got int"], ["SIGTERM", 8, "got term"]]) {
    const child = spawn(process.execPath, [js, "wait"], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    await new Promise((ready) => child.stdout.on("data", (d) => (said += d).includes("ready") && ready()));
    child.kill(signal);
    assert.equal(await new Promise((done) => child.on("close", done)), code);
    assert.match(said, new RegExp(text));
  }
});

test("without the package for this system it says what to do", posix, async () => {
  const js = await install();
  rmSync(join(installed, `worker-${process.platform}-${process.arch}`), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [js, "run"], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`@blockrun/worker-${process.platform}-${process.arch} is not installed`));
  assert.match(stderr, /install it again/);
});

test("nothing of it names where packages come from, or runs at installation", () => {
  for (const file of ["package.json", "worker-cli.js", "pack.mjs", "README.md"]) {
    const text = readFileSync(join(npm, file), "utf8");
    assert.doesNotMatch(text, /registry|postinstall|preinstall/);
  }
});
