#!/usr/bin/env node
// Runs the worker for this system, which npm installed as an optional
// dependency, as if it had been called itself: with its arguments, its
// terminal, its signals and its exit code.
"use strict";
const { spawn } = require("node:child_process");

const name = `${require("./package.json").name}-${process.platform}-${process.arch}`;
const program = process.platform === "win32" ? "worker-cli.exe" : "worker-cli";

let file;
try {
  file = require.resolve(`${name}/${program}`);
} catch {
  console.error(`worker-cli: the package ${name} is not installed.
There is one for linux, darwin and win32 on x64 and arm64. If this is such a system, npm was told to leave out optional
packages (--omit=optional, --no-optional), or the folder was copied from another system: install it again.`);
  process.exit(1);
}

// A terminal sends Ctrl-C to both; sent on, it would reach the worker twice,
// which does not wait for its results then. What comes is heard from before
// the worker is there, or it would be left alone.
const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
process.on("SIGINT", () => onTerminal || worker.kill("SIGINT"));
process.on("SIGTERM", () => worker.kill("SIGTERM"));
if (process.platform !== "win32") process.on("SIGHUP", () => worker.kill("SIGHUP"));

// What its user types: the worker says what to type next.
const typed = process.env.npm_command === "exec" ? `npx ${require("./package.json").name}` : "worker-cli";
const env = { ...process.env, BLOCKRUN_WORKER_COMMAND: typed };
const worker = spawn(file, process.argv.slice(2), { stdio: "inherit", env });

worker.on("error", (err) => {
  console.error(`worker-cli: ${file} cannot be run: ${err.message}`);
  process.exit(1);
});
worker.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal); // ended as the worker did
});
