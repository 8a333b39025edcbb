// What the worker would have been without Go: the same loop in Node, with fetch
// and viem, as product.md describes it. It is here to be measured beside the
// worker, and works: the API takes its results.
import { privateKeyToAccount } from "viem/accounts";

const { BLOCKRUN_API_BASE: base, BLOCKRUN_WALLET_KEY: key, INTERVAL_MS: interval = "30000" } = process.env;
const account = privateKeyToAccount(key);
const headers = { "User-Agent": "BlockRun-Worker/1.0" };

async function check(task) {
  const timestamp = Date.now();
  const started = performance.now();
  const result = { taskId: task.id, workerAddress: account.address, timestamp, success: false };
  try {
    const answer = await fetch(task.url, { headers: { ...headers, Connection: "close" }, signal: AbortSignal.timeout(task.timeoutMs) });
    result.statusCode = answer.status;
    result.success = answer.status === task.expectedStatus;
    result.responseTimeMs = Math.round(performance.now() - started);
    await answer.arrayBuffer();
  } catch (err) {
    result.responseTimeMs = Math.round(performance.now() - started);
    result.error = err.name === "TimeoutError" ? `Timeout after ${task.timeoutMs}ms` : String(err.cause?.code ?? err.message);
  }
  const { taskId, workerAddress, success } = result;
  result.signature = await account.signMessage({ message: JSON.stringify({ taskId, workerAddress, timestamp, success }) });
  return result;
}

async function poll() {
  const tasks = await (await fetch(`${base}/v1/worker/tasks?address=${account.address}&region=unknown`, { headers })).json();
  const results = [];
  const left = [...tasks];
  await Promise.all(Array.from({ length: 10 }, async () => {
    for (let task; (task = left.shift()); ) results.push(await check(task));
  }));
  if (results.length > 0) {
    await fetch(`${base}/v1/worker/results`, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(results) });
  }
}

for (;;) {
  const started = Date.now();
  await poll().catch((err) => console.error(err.message));
  await new Promise((next) => setTimeout(next, Math.max(0, Number(interval) - (Date.now() - started))));
}
