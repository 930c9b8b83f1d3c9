/** The package in Deno, with no more permissions than it says it needs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { DIST, dist, QUERY, RELAXED_KERNELS, ROOT, serve, TOOLS } from '../helpers.js';
import { cannotCompare, examples, nativeAnswers } from '../parity.js';

const folder = mkdtempSync(join(tmpdir(), 'thimble-deno-'));
after(() => rmSync(folder, { recursive: true }));

async function deno(script, ...flags) {
  const path = join(folder, 'script.js');
  writeFileSync(path, script);
  const env = { ...process.env, DENO_DIR: join(folder, 'cache'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
  const { stdout } = await promisify(execFile)(join(ROOT, 'node_modules/.bin/deno'), ['run', '--no-config', '--no-prompt', ...flags, path], { env, timeout: 120_000, maxBuffer: 1 << 28 });
  return stdout;
}
const lines = (text) => text.trim().split('\n').map((line) => JSON.parse(line));

const USE = (options = '{}') => `
  import { createRouter } from ${JSON.stringify(dist('deno.js'))};
  const router = await createRouter(${options});
  const { calls, timings } = await router.route(${JSON.stringify(QUERY)}, ${JSON.stringify(TOOLS)});
  console.log(JSON.stringify({ call: [calls[0].name, calls[0].arguments], info: router.info, timings }));
  await router.dispose();`;
const CALL = ['set_thermostat', { room: 'nursery', temperature: 21 }];

test('createRouter() with read permission only; relaxed SIMD where V8 has it', async (t) => {
  const [{ call, info, timings }] = lines(await deno(USE(), `--allow-read=${DIST}`));
  assert.deepEqual(call, CALL);
  assert.equal(info.simd, 'relaxed');
  t.diagnostic(`kernels ${info.kernels}, encode ${timings.prefillMs.toFixed(2)} ms, decode ${timings.decodeMs.toFixed(2)} ms`);
});

test('in a worker', async () => {
  assert.deepEqual(lines(await deno(USE('{ worker: true }'), `--allow-read=${DIST}`))[0].call, CALL);
});

test('weights over the network, into its cache, and a second time offline', async (t) => {
  const server = await serve();
  t.after(() => server.close());
  const manifest = `${server.origin}/manifest.json`;
  const script = `
    import { clearCache, createRouter, isCached } from ${JSON.stringify(dist('deno.js'))};
    const options = { weights: ${JSON.stringify(manifest)} };
    const before = await isCached(options);
    await (await createRouter(options)).dispose();
    const after = await isCached(options);
    let last;
    await createRouter({ ...options, fetch: () => Promise.reject(new TypeError('offline')), onProgress: (p) => (last = p) });
    await clearCache();
    console.log(JSON.stringify({ before, after, fromCache: last.fromCache, cleared: !(await isCached(options)) }));`;
  const out = lines(await deno(script, `--allow-read=${DIST}`, '--allow-net=127.0.0.1'));
  assert.deepEqual(out[0], { before: false, after: true, fromCache: true, cleared: true });
  assert.equal(server.count('/model.bin'), 1);
});

test("Needle 1's weights: the reference's tokens", async () => {
  const golden = JSON.parse(readFileSync(join(ROOT, 'tests/golden/needle1/plain/golden.json'), 'utf8'));
  const list = golden.decodes.filter((d) => !d.constrained && !d.gaps.some((gap) => gap < 1e-4)).slice(0, 20);
  const script = `
    import { createRouter } from ${JSON.stringify(dist('deno.js'))};
    const folder = ${JSON.stringify(join(ROOT, 'tests/golden/needle1'))};
    const requests = JSON.parse(Deno.readTextFileSync(folder + '/requests.json'));
    const router = await createRouter({ weights: 'file://' + folder + '/plain/needle.safetensors', numeric: 'exact', grammar: 'free' });
    for (const [request, maxTokens] of ${JSON.stringify(list.map((d) => [d.request, d.limit]))}) {
      console.log(JSON.stringify((await router.route(...requests[request], { maxTokens })).tokens));
    }`;
  assert.deepEqual(lines(await deno(script, '--allow-read')), list.map((d) => d.ids));
});

test('300 dev examples: native and relaxed SIMD agree byte for byte', { skip: cannotCompare }, async () => {
  const list = examples(300);
  writeFileSync(join(folder, 'list.json'), JSON.stringify(list));
  const script = `
    import { rawEngine } from ${JSON.stringify(new URL('../raw.js', import.meta.url).href)};
    const read = (name) => Deno.readFileSync(${JSON.stringify(DIST)} + '/' + name);
    const engine = await rawEngine(read('engine-relaxed.wasm'), read('model.bin'), read('vocab.txt'));
    console.log(JSON.stringify(engine.info.kernels));
    for (const { query, tools } of JSON.parse(Deno.readTextFileSync(${JSON.stringify(join(folder, 'list.json'))}))) {
      console.log(JSON.stringify(engine.route(JSON.stringify(tools), query)));
    }`;
  const [kernels, ...answers] = lines(await deno(script, '--allow-read'));
  assert.equal(kernels, RELAXED_KERNELS);
  const native = nativeAnswers(list);
  for (const [i, answer] of answers.entries()) assert.equal(answer, native[i], `example ${i}: ${list[i].query}`);
});
