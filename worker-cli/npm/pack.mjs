// Makes the npm packages of a release from what goreleaser made:
//
//     node worker-cli/npm/pack.mjs dist
//
// writes dist/npm/worker and one folder beside it for each system, ready for
// npm publish: the six first, then the worker, which names them.
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

// Go's names for systems, and npm's.
const systems = { linux: "linux", darwin: "darwin", windows: "win32" };
const machines = { amd64: "x64", arm64: "arm64" };

export async function pack(dist) {
  const { version } = JSON.parse(await readFile(join(dist, "metadata.json"), "utf8"));
  const made = JSON.parse(await readFile(join(dist, "artifacts.json"), "utf8"));
  const wrapper = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
  const out = join(dist, "npm");
  await rm(out, { recursive: true, force: true });

  const names = [];
  for (const a of made.filter((a) => a.type === "Binary")) {
    const os = systems[a.goos], cpu = machines[a.goarch];
    if (!os || !cpu) throw new Error(`${a.path}: npm has no name for ${a.goos}/${a.goarch}`);
    const name = `${wrapper.name}-${os}-${cpu}`;
    if (names.includes(name)) throw new Error(`${a.path}: there are two programs for ${name}`);
    names.push(name);
    const program = os === "win32" ? "worker-cli.exe" : "worker-cli";
    const dir = join(out, `worker-${os}-${cpu}`);
    await mkdir(dir, { recursive: true });
    // goreleaser's paths are from the folder that dist lies in.
    await copyFile(isAbsolute(a.path) ? a.path : join(dist, "..", a.path), join(dir, program));
    await chmod(join(dir, program), 0o755);
    const { repository, homepage } = wrapper;
    await put(dir, { name, version, description: `The BlockRun worker for ${os} on ${cpu}.`, homepage, repository, os: [os], cpu: [cpu], files: [program], preferUnplugged: true });
  }
  if (names.length !== 6) throw new Error(`${dist} has programs for ${names.length} systems, not 6`);

  const dir = join(out, "worker");
  await mkdir(dir, { recursive: true });
  for (const file of wrapper.files) await copyFile(join(here, file), join(dir, file));
  await chmod(join(dir, "worker-cli.js"), 0o755);
  const { scripts, ...published } = wrapper;
  await put(dir, { ...published, version, optionalDependencies: Object.fromEntries(names.sort().map((n) => [n, version])) });
  return { version, names, out };
}

const put = (dir, manifest) => writeFile(join(dir, "package.json"), JSON.stringify(manifest, null, 2) + "\n");

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.length !== 3) {
    console.error("usage: node pack.mjs dist");
    process.exit(2);
  }
  const { version, names, out } = await pack(process.argv[2]);
  console.log(`${out}: ${names.length + 1} packages of version ${version}`);
}
