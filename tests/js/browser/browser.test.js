/** The package in headless Chromium, from plain files (no bundler). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from '../chromium.js';
import { DIST, manifest, QUERY, ROOT, serve, TOOLS } from '../helpers.js';

/** What docs tell people to send; nothing more is needed. */
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:";
const CALL = ['set_thermostat', { room: 'nursery', temperature: 21 }];
const KEY = `https://thimble.invalid/weights/${manifest.parts[0].sha256}`;
let browser;
let server;

before(async () => {
  browser = await launch('--host-resolver-rules=MAP thimble.test 127.0.0.1');
  server = await serve([DIST, join(ROOT, 'tests/js/pages'), join(ROOT, 'tests/golden')], { headers: { 'content-security-policy': POLICY } });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** A page of a fresh profile, ready for use; `faults` of the server for this test. */
async function open(t, { path = '/', faults = {}, origin = server.origin, context, headers } = {}) {
  for (const key of Object.keys(server.faults)) delete server.faults[key];
  Object.assign(server.faults, faults);
  server.requests.length = 0;
  const own = context ?? await browser.newContext();
  if (!context) t.after(() => own.close());
  const page = await own.newPage();
  page.problems = [];
  page.warnings = [];
  page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()));
  page.on('console', (message) => message.type() === 'warning' && page.warnings.push(message.text()));
  page.on('pageerror', (error) => page.problems.push(String(error)));
  if (headers) await page.route('**/*', async (route) => route.fulfill({ response: await route.fetch(), headers: { ...(await route.fetch()).headers(), ...headers } }));
  await page.goto(origin + path);
  await page.waitForFunction(() => window.ready);
  return page;
}

/** Runs in the page: a router with `options`, one route, and what came of it. */
async function use({ options, query, tools }) {
  const events = [];
  try {
    const router = await window.thimble.createRouter({ ...options, onProgress: (p) => events.push(p) });
    const result = await router.route(query, tools);
    const { info } = router;
    await router.dispose();
    return { call: [result.calls[0]?.name, result.calls[0]?.arguments], timings: result.timings, info, events };
  } catch (error) {
    return { code: error.code ?? error.name, message: error.message, events };
  }
}
const run = (page, options = {}) => page.evaluate(use, { options, query: QUERY, tools: TOOLS });

test('under a strict policy: progress, a call, and the second time all from the cache', async (t) => {
  const page = await open(t);
  assert.equal(await page.evaluate(() => window.thimble.isCached()), false);
  const first = await run(page);
  assert.deepEqual(first.call, CALL, first.message);
  assert.equal(first.info.simd, 'relaxed');
  t.diagnostic(`${first.info.kernels}: encode ${first.timings.prefillMs.toFixed(1)} ms, decode ${first.timings.decodeMs.toFixed(1)} ms, cold`);
  const last = first.events.at(-1);
  assert.deepEqual([last.phase, last.fraction, last.loaded, last.fromCache], ['ready', 1, manifest.totalBytes, false]);
  for (let i = 1; i < first.events.length; i++) assert.ok(first.events[i].fraction >= first.events[i - 1].fraction);
  assert.equal(await page.evaluate(() => window.thimble.isCached()), true);
  server.requests.length = 0;
  const second = await run(page);
  assert.deepEqual(second.call, CALL);
  assert.equal(second.events.at(-1).fromCache, true);
  assert.deepEqual(server.requests.map((r) => r.path).filter((p) => p !== '/worker.js'), []);
  assert.deepEqual(page.problems, []);
  await page.evaluate(() => window.thimble.clearCache());
  assert.deepEqual(await page.evaluate(() => caches.keys()), []);
});

test('only the files it names are asked for', async (t) => {
  const page = await open(t);
  await run(page);
  const paths = new Set(server.requests.map((r) => r.path));
  assert.deepEqual([...paths].sort(), ['/', '/app.js', '/browser.js', '/engine-relaxed.wasm', '/model.bin', '/sw.js', '/vocab.txt', '/worker.js']);
});

test('the network cut, in the same page: everything comes from the cache', async (t) => {
  const page = await open(t);
  await run(page);
  await page.evaluate(() => window.thimble.createRouter().then((router) => (window.router = router)));
  await page.context().setOffline(true);
  const { calls } = await page.evaluate(({ query, tools }) => window.router.route(query, tools), { query: QUERY, tools: TOOLS });
  assert.deepEqual([calls[0].name, calls[0].arguments], CALL);
});

test("offline reload with the app's own service worker", async (t) => {
  const page = await open(t);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/app-sw.js', { type: 'module' });
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
  });
  assert.deepEqual((await run(page)).call, CALL);
  await page.context().setOffline(true);
  server.requests.length = 0;
  await page.reload();
  await page.waitForFunction(() => window.ready);
  const result = await run(page);
  assert.deepEqual(result.call, CALL, result.message);
  assert.equal(server.requests.length, 0);
});

test('registerWeightsCache(): answers for its files only, sweeps old ones, leaves other caches alone', async (t) => {
  const page = await open(t);
  const swept = await page.evaluate(async () => {
    await caches.open('somebody-else').then((cache) => cache.put('/x', new Response('x')));
    const mine = await caches.open('thimble');
    await mine.put(`https://thimble.invalid/weights/${'0'.repeat(64)}`, new Response('old version'));
    const registration = await window.sw.registerWeightsCache('/service-worker.js');
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
    await fetch('/model.bin');
    return { active: registration.active?.scriptURL, mine: (await mine.keys()).map((r) => r.url), others: await caches.has('somebody-else') };
  });
  assert.match(swept.active, /service-worker\.js\?file=/);
  assert.deepEqual(swept.mine, [KEY]);
  assert.equal(swept.others, true);
  await page.context().setOffline(true);
  const offline = await page.evaluate(async () => ({
    bytes: (await (await fetch('/model.bin')).arrayBuffer()).byteLength,
    other: await fetch('/app.js').then(() => 'answered', () => 'failed'),
  }));
  assert.deepEqual(offline, { bytes: manifest.parts[0].bytes, other: 'failed' });
});

test('the service worker keeps nothing that has not the right hash', async (t) => {
  const page = await open(t, { faults: { '/model.bin': (request, response, bytes) => response.end(Buffer.concat([bytes, Buffer.from('!')])) } });
  const keys = await page.evaluate(async () => {
    await window.sw.registerWeightsCache('/service-worker.js');
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
    await (await fetch('/model.bin')).arrayBuffer();
    return (await (await caches.open('thimble')).keys()).length;
  });
  assert.equal(keys, 0);
});

test('a corrupted cache entry is healed', async (t) => {
  const page = await open(t);
  await run(page);
  server.requests.length = 0;
  await page.evaluate(async (key) => (await caches.open('thimble')).put(key, new Response('<!doctype html>')), KEY);
  const result = await run(page);
  assert.deepEqual(result.call, CALL);
  assert.equal(server.count('/model.bin'), 1);
  assert.equal(await page.evaluate(async (key) => (await (await (await caches.open('thimble')).match(key)).arrayBuffer()).byteLength, KEY), manifest.parts[0].bytes);
});

test('an engine of another version is asked for once more, past the HTTP cache', async (t) => {
  const seen = [];
  const stale = (request, response, bytes) => {
    seen.push(request.headers['cache-control']);
    response.writeHead(200, { 'content-type': 'application/wasm' }).end(seen.length === 1 ? bytes.subarray(0, 5000) : bytes);
  };
  const page = await open(t, { faults: { '/engine-relaxed.wasm': stale } });
  assert.deepEqual((await run(page)).call, CALL);
  assert.deepEqual(seen, [undefined, 'no-cache']);
});

test('a cache that fails in everything costs a warning', async (t) => {
  const page = await open(t);
  const model = await page.evaluate(async () => {
    const fail = () => Promise.reject(new Error('disk'));
    const router = await window.thimble.createRouter({ cache: { match: fail, put: fail, delete: fail } });
    return router.info.model;
  });
  assert.equal(model, manifest.model);
  assert.ok(page.warnings.some((text) => /no cache here \(.*disk/.test(text)), page.warnings.join());
});

test('a broken connection is resumed', async (t) => {
  let broken = false;
  const breakOnce = (request, response, bytes) => {
    const from = Number(/bytes=(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from) response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }).end(bytes.subarray(from));
    else if (broken) response.end(bytes);
    else {
      broken = true;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1));
      setTimeout(() => response.destroy(), 200);
    }
  };
  const page = await open(t, { faults: { '/model.bin': breakOnce } });
  assert.deepEqual((await run(page)).call, CALL);
  assert.equal(server.requests.filter((r) => r.headers.range).length, 1);
});

test('aborting in mid-download', async (t) => {
  let closed;
  const gone = new Promise((done) => (closed = done));
  const drip = (request, response, bytes) => {
    response.on('close', closed);
    response.writeHead(200);
    response.write(bytes.subarray(0, 100_000));
  };
  const page = await open(t, { faults: { '/model.bin': drip } });
  const name = await page.evaluate(async () => {
    const controller = new AbortController();
    const onProgress = (p) => p.loaded > 1000 && setTimeout(() => controller.abort(), 50);
    return window.thimble.createRouter({ signal: controller.signal, onProgress }).then(() => 'resolved', (error) => error.name);
  });
  assert.equal(name, 'AbortError');
  await gone;
  assert.equal(await page.evaluate(() => window.thimble.isCached()), false);
});

test('two tabs at once', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const pages = [await open(t, { context }), await open(t, { context })];
  for (const result of await Promise.all(pages.map((page) => run(page)))) assert.deepEqual(result.call, CALL, result.message);
  server.requests.length = 0;
  assert.deepEqual((await run(pages[1])).events.at(-1).fromCache, true);
});

/** A machine that is busy otherwise stretches tasks: one quiet try of three is enough. */
test('no task of the main thread takes over 50 ms while it loads and routes', async (t) => {
  const found = [];
  for (let i = 0; i < 3 && !found.includes(0); i++) found.push(await longestTask(t));
  assert.ok(found.includes(0), `longest tasks: ${found.join(', ')} ms`);
});

async function longestTask(t) {
  const page = await open(t);
  const longest = await page.evaluate(async ({ query, tools }) => {
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration)));
    observer.observe({ entryTypes: ['longtask'] });
    const many = Array.from({ length: 8 }, (_, i) => tools.map((tool) => ({ ...tool, name: `${tool.name}_${i}` }))).flat();
    const router = await window.thimble.createRouter();
    for (let i = 0; i < 30; i++) await router.route(`${query} ${i}`, many);
    await new Promise((done) => setTimeout(done, 200));
    const own = Math.max(0, ...tasks);
    const begin = performance.now();
    while (performance.now() - begin < 80); // does the observer see anything at all?
    await new Promise((done) => setTimeout(done, 200));
    return [own, Math.max(0, ...tasks)];
  }, { query: QUERY, tools: TOOLS });
  assert.ok(longest[1] >= 80, 'the observer saw no task of 80 ms');
  return longest[0];
}

test('the two builds give the same bytes', async (t) => {
  const page = await open(t);
  const results = await page.evaluate(async ({ query, tools }) => {
    const answers = [];
    for (const simd of ['baseline', 'relaxed']) {
      const router = await window.thimble.createRouter({ simd });
      const queries = [query, 'play Clair de Lune', 'turn the lights on in the kitchen and off in the hall', 'how are you?'];
      const list = [router.info.simd === simd];
      for (const q of queries) {
        const { timings, ...rest } = await router.route(q, tools);
        list.push(JSON.stringify(rest));
      }
      answers.push(list);
    }
    return answers;
  }, { query: QUERY, tools: TOOLS });
  assert.deepEqual(results[0], results[1]);
  assert.equal(results[0][0], true);
});

test('a trap in the worker: its call rejects with a code, the next one gets a fresh instance', async (t) => {
  const page = await open(t);
  const settled = await page.evaluate(async ({ query, tools }) => {
    const worker = new Worker('/trap-worker.js', { type: 'module' });
    const router = await window.thimble.createRouter({ worker });
    const results = [];
    for (let i = 0; i < 3; i++) {
      results.push(await router.route(query, tools).then((r) => r.calls[0].name, (error) => [error.constructor.name, error.code, error.message]));
    }
    worker.terminate();
    return results;
  }, { query: QUERY, tools: TOOLS });
  assert.deepEqual(settled[0].slice(0, 2), ['RouterError', 'E_INTERNAL']);
  assert.match(settled[0][2], /the engine stopped: .*fresh instance/);
  assert.deepEqual(settled.slice(1), [CALL[0], CALL[0]]);
  assert.deepEqual(page.problems, []);
});

test("Needle 1's weights: their own engine, the reference's tokens", async (t) => {
  const page = await open(t);
  const golden = JSON.parse(readFileSync(join(ROOT, 'tests/golden/needle1/plain/golden.json'), 'utf8'));
  const requests = JSON.parse(readFileSync(join(ROOT, 'tests/golden/needle1/requests.json'), 'utf8'));
  const list = golden.decodes.filter((d) => !d.constrained && !d.gaps.some((gap) => gap < 1e-4)).slice(0, 40);
  const got = await page.evaluate(async (asked) => {
    const router = await window.thimble.createRouter({ weights: '/needle1/plain/needle.safetensors', numeric: 'exact', grammar: 'free' });
    const tokens = [];
    for (const [query, tools, maxTokens] of asked) tokens.push((await router.route(query, tools, { maxTokens })).tokens);
    return { tokens, info: router.info };
  }, list.map((d) => [...requests[d.request], d.limit]));
  assert.deepEqual([got.info.format, got.info.simd], ['needle1', 'relaxed']);
  assert.deepEqual(got.tokens, list.map((d) => d.ids));
  assert.equal(server.count('/needle-relaxed.wasm'), 1);
  assert.equal(server.count('/engine-relaxed.wasm'), 0);
});

test("in the page's own thread, by the entry for that", async (t) => {
  const page = await open(t, { path: '/inline.html' });
  const result = await run(page);
  assert.deepEqual(result.call, CALL);
  assert.equal(server.count('/worker.js'), 0);
  assert.deepEqual((await run(page, { worker: true })).call, CALL);
  assert.equal(server.count('/worker.js'), 1);
  const main = await run(await open(t), { worker: false });
  assert.equal(main.code, 'E_OPTION');
  assert.match(main.message, /thimble\/inline/);
});

test('a policy that forbids wasm, or workers, is named', async (t) => {
  const noWasm = await open(t, { headers: { 'content-security-policy': "script-src 'self'; worker-src 'self'" } });
  const blocked = await run(noWasm);
  assert.equal(blocked.code, 'E_WASM_BLOCKED');
  assert.match(blocked.message, /'wasm-unsafe-eval'/);
  const noWorker = await open(t, { headers: { 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'" } });
  const stopped = await run(noWorker);
  assert.equal(stopped.code, 'E_FETCH', stopped.message);
  assert.match(stopped.message, /worker-src 'self'/);
});

test('a server that answers index.html for everything is found out', async (t) => {
  const page = (request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html>');
  const wasm = await run(await open(t, { faults: { '/engine-relaxed.wasm': page } }));
  assert.equal(wasm.code, 'E_NOT_WASM');
  const model = await run(await open(t, { faults: { '/model.bin': page } }));
  assert.equal(model.code, 'E_FETCH');
  assert.match(model.message, /index\.html/);
});

test('plain HTTP on another host: no Cache API, no crypto.subtle, a warning, and it works', async (t) => {
  const page = await open(t, { origin: server.origin.replace('127.0.0.1', 'thimble.test') });
  assert.equal(await page.evaluate(() => isSecureContext), false);
  assert.deepEqual((await run(page)).call, CALL);
  assert.ok(page.warnings.some((text) => /^thimble: no cache here \(the Cache API needs HTTPS or localhost\)/.test(text)), page.warnings.join());
});
