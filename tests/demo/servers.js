/** Starts the edge worker in the real runtimes, and measures them from outside. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIST, ROOT, until } from './helpers.js';

const EDGE = join(ROOT, 'web-demo/edge-worker');
const bin = (name) => join(ROOT, 'node_modules/.bin', name);

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Runs a command in a process group of its own until stop(); resolves when `url` answers. */
async function start(command, args, port, options = {}) {
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  const gone = new Promise((done) => child.once('exit', done));
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    try {
      process.kill(-child.pid, 'SIGKILL'); // workerd would wait for its idle connections
    } catch {
      // it ended by itself
    }
    await gone;
  };
  try {
    await until(() => (child.exitCode === null ? fetch(url).then(({ ok }) => ok, () => false) : 'ended'), (state) => state === true || state === 'ended', `${command} did not start: ${output}`);
    if (child.exitCode !== null) throw new Error(`${command} ended: ${output}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop, output: () => output, megabytes: () => treeMegabytes(child.pid) };
}

/** Resident memory of a process and its children, where the system tells (Linux); else null. */
function treeMegabytes(pid) {
  try {
    const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    return children.reduce((sum, child) => sum + (treeMegabytes(Number(child)) ?? 0), own);
  } catch {
    return null;
  }
}

const text = (value) => JSON.stringify(String(value)).replaceAll('\\u', '\\x');

/** `ratePerMinute`: also a rate-limit binding, of the platform's shape. */
function workerdConfig(env, port, ratePerMinute) {
  const bindings = Object.entries(env).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`);
  if (ratePerMinute) bindings.push('(name = "RATE_LIMITER", service = "limiter")');
  const chunks = readdirSync(DIST).filter((name) => name.startsWith('chunk-') && name.endsWith('.js'));
  const modules = [
    ...['worker.js', 'handler.js', 'openai.js', 'lists.js', ...chunks].map((name) => `(name = "${name}", esModule = embed "${name}")`),
    '(name = "thimble", esModule = embed "workerd.js")',
    ...readdirSync(DIST).filter((name) => name.endsWith('.wasm')).map((name) => `(name = "${name}", wasm = embed "${name}")`),
    '(name = "model.bin", data = embed "model.bin")', '(name = "vocab.txt", text = embed "vocab.txt")',
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "limiter", worker = .limiter),
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (compatibilityDate = "2026-10-01", modules = [${modules.join(', ')}], bindings = [${bindings.join(', ')}]);
const limiter :Workerd.Worker = (compatibilityDate = "2026-10-01", modules = [(name = "limiter.js", esModule = embed "limiter.js")]);
`;
}

const LIMITER = (most) => `import { WorkerEntrypoint } from 'cloudflare:workers';
let count = 0;
export default class extends WorkerEntrypoint {
  async limit({ key }) { return { success: ++count <= ${most} }; }
}`;

export async function startWorkerd(env, ratePerMinute) {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-edge-'));
  const port = await freePort();
  for (const name of readdirSync(DIST).filter((name) => /\.(js|wasm|bin|txt)$/.test(name) && name !== 'worker.js')) cpSync(join(DIST, name), join(folder, name));
  for (const name of ['worker.js', 'handler.js', 'openai.js', 'lists.js']) cpSync(join(EDGE, name), join(folder, name));
  writeFileSync(join(folder, 'limiter.js'), LIMITER(ratePerMinute ?? Infinity));
  writeFileSync(join(folder, 'config.capnp'), workerdConfig(env, port, ratePerMinute));
  const server = await start(bin('workerd'), ['serve', 'config.capnp'], port, { cwd: folder });
  return { ...server, stop: () => server.stop().finally(() => rmSync(folder, { recursive: true })) };
}

const withEnv = (env, port) => ({ env: { ...process.env, ...env, PORT: String(port), HOST: '127.0.0.1' } });

export async function startDeno(env) {
  const port = await freePort();
  const imports = join(mkdtempSync(join(tmpdir(), 'thimble-deno-')), 'deno.json');
  writeFileSync(imports, JSON.stringify({ imports: { thimble: new URL('deno.js', `file://${DIST}/`).href } }));
  return start(bin('deno'), ['run', '--config', imports, '--no-lock', '--allow-net', '--allow-read', '--allow-env', join(EDGE, 'deno.js')], port, withEnv(env, port));
}

export async function startNode(env) {
  const port = await freePort();
  return start(process.execPath, [join(EDGE, 'node.js')], port, withEnv(env, port));
}
