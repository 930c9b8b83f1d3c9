/** The package in the real workerd: static modules, model as data or from an asset binding, many requests in one isolate. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DIST, QUERY, ROOT, TOOLS } from '../helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'thimble-workerd-'));
const MIB = 1 << 20;
const NEEDLE = join(ROOT, 'tests/golden/needle1/plain');
let running;

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

function config(port) {
  copyFileSync(join(NEEDLE, 'needle.safetensors'), join(folder, 'needle.bin'));
  copyFileSync(join(NEEDLE, 'vocab.txt'), join(folder, 'needle.txt'));
  const kinds = { js: 'esModule', wasm: 'wasm', bin: 'data', txt: 'text' };
  const files = readdirSync(DIST).filter((name) => /^(workerd\.js|chunk-.*\.js|engine.*\.wasm|needle-relaxed\.wasm|model\.bin|vocab\.txt)$/.test(name));
  for (const name of files) copyFileSync(join(DIST, name), join(folder, name));
  copyFileSync(new URL('worker.js', import.meta.url), join(folder, 'worker.js'));
  const node = readdirSync(DIST).filter((name) => /^chunk-/.test(name) && readFileSync(join(DIST, name), 'utf8').includes('"node:'));
  const modules = ['worker.js', 'needle.bin', 'needle.txt', ...files.filter((name) => !node.includes(name))].map((name) => `(name = "${name}", ${kinds[name.split('.').pop()]} = embed "${name}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "assets", disk = "${DIST}")],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [${modules.join(',\n    ')}],
  compatibilityDate = "2026-06-01",
  bindings = [(name = "ASSETS", service = "assets")]
);`;
}

async function start() {
  const port = await freePort();
  writeFileSync(join(folder, 'config.capnp'), config(port));
  const child = spawn(join(ROOT, 'node_modules/.bin/workerd'), ['serve', join(folder, 'config.capnp')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (log += data));
  const origin = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 150; i++) {
    if (child.exitCode !== null) throw new Error(`workerd ended: ${log}`);
    if (await fetch(`${origin}/ping`, { method: 'POST', body: '{}' }).then(() => true, () => false)) return { child, origin, log: () => log };
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`workerd does not answer: ${log}`);
}

before(async () => {
  running = await start();
});
after(async () => {
  running?.child.kill();
  rmSync(folder, { recursive: true });
});

/** The process that holds the isolate: npm's launcher is a Node script that starts the binary. */
function process() {
  const children = readFileSync(`/proc/${running.child.pid}/task/${running.child.pid}/children`, 'utf8').trim();
  return children ? children.split(' ')[0] : running.child.pid;
}
/** CPU milliseconds so far (ticks are 10 ms), resident bytes. */
function usage() {
  const stat = readFileSync(`/proc/${process()}/stat`, 'utf8').split(') ')[1].split(' ');
  const status = readFileSync(`/proc/${process()}/status`, 'utf8');
  return { cpu: (Number(stat[11]) + Number(stat[12])) * 10, rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024 };
}

async function call(path, body) {
  const response = await fetch(running.origin + path, body ? { method: 'POST', body: JSON.stringify(body) } : {});
  return response.json();
}
const ROUTE = { query: QUERY, tools: TOOLS };
const CALL = [['set_thermostat', { room: 'nursery', temperature: 21 }]];
const shortly = (result) => result.calls?.map((c) => [c.name, c.arguments]) ?? result;

test('model and engine as modules: a request becomes a call', async (t) => {
  const begin = usage();
  assert.deepEqual(shortly(await call('/route', ROUTE)), CALL);
  const { memoryBytes, simd, kernels } = await call('/info');
  assert.ok(memoryBytes < 64 * MIB, `${memoryBytes}`);
  const grown = usage().rss - begin.rss;
  t.diagnostic(`${simd} (${kernels}), wasm memory ${(memoryBytes / MIB).toFixed(1)} MiB, the process grew by ${(grown / MIB).toFixed(1)} MiB, start and first route ${usage().cpu - begin.cpu} ms CPU`);
  assert.ok(grown < 128 * MIB);
});

test('20 concurrent requests in one isolate, several rounds', async () => {
  for (let round = 0; round < 3; round++) {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => call('/route', { ...ROUTE, query: i % 2 ? QUERY : 'play Clair de Lune' })));
    results.forEach((result, i) => assert.equal(result.calls?.[0]?.name, i % 2 ? 'set_thermostat' : 'play_music', JSON.stringify(result)));
  }
  assert.ok(usage().rss < 400 * MIB);
  assert.ok((await call('/info')).memoryBytes < 64 * MIB);
});

test('CPU time of a route', async (t) => {
  await call('/route', { ...ROUTE, times: 200 });
  const before = usage().cpu;
  await call('/route', { ...ROUTE, times: 500 });
  const each = (usage().cpu - before) / 500;
  t.diagnostic(`${each.toFixed(2)} ms CPU for a route with tools that are prepared`);
  assert.ok(each < 50);
});

test("Needle 1's weights, with their engine as a module", async () => {
  const golden = JSON.parse(readFileSync(join(NEEDLE, 'golden.json'), 'utf8'));
  const requests = JSON.parse(readFileSync(join(NEEDLE, '../requests.json'), 'utf8'));
  for (const d of golden.decodes.filter((e) => !e.constrained && !e.gaps.some((gap) => gap < 1e-4)).slice(0, 10)) {
    const [query, tools] = requests[d.request];
    assert.deepEqual((await call('/needle', { query, tools, options: { maxTokens: d.limit } })).tokens, d.ids);
  }
  const without = await call('/needle?engine=no', { query: 'x', tools: '[]' });
  assert.equal(without.error, 'E_OPTION');
  assert.match(without.message, /thimble\/needle-relaxed\.wasm/);
});

test('what cannot work says why', async () => {
  const blocked = await call('/blocked');
  assert.equal(blocked.error, 'E_WASM_BLOCKED', blocked.message);
  assert.match(blocked.message, /on Cloudflare Workers import from 'thimble'/);
  assert.equal((await call('/worker')).error, 'E_OPTION');
  assert.equal((await call('/route', { query: '', tools: TOOLS })).error, 'E_QUERY');
});

test('weights from an asset binding, 20 requests at once from the start', async () => {
  running.child.kill();
  running = await start();
  const results = await Promise.all(Array.from({ length: 20 }, () => call('/route?assets', ROUTE)));
  for (const result of results) assert.deepEqual(shortly(result), CALL);
});
