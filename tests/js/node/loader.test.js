/** The loader against a network, a server and a cache that fail in every way we could think of. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { dist, manifest, memoryCache, QUERY, read, sendBytes, serve, TOOLS } from '../helpers.js';

const home = mkdtempSync(join(tmpdir(), 'thimble-cache-'));
process.env.XDG_CACHE_HOME = home;
const { clearCache, createRouter, isCached, RouterError } = await import(dist('node.js'));

const WEIGHTS = read('model.bin');
const VOCABULARY = read('vocab.txt');
let server;

before(async () => {
  server = await serve();
});
after(async () => {
  await server.close();
  rmSync(home, { recursive: true });
});

/** Loads from the server with faults for this test only; gives the router back, or the error. */
async function load({ faults = {}, ...options } = {}) {
  server.requests.length = 0;
  for (const key of Object.keys(server.faults)) delete server.faults[key];
  Object.assign(server.faults, faults);
  const router = await createRouter({ weights: `${server.origin}/manifest.json`, cache: 'none', ...options });
  await router.dispose();
}

function refuses(code, pattern) {
  return (error) => {
    assert.ok(error instanceof RouterError, `${error}`);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

/** The package's manifest as an object, with its files at `origin`. */
const manifestAt = (origin) => ({ ...manifest, parts: manifest.parts.map((p) => ({ ...p, url: `${origin}/${p.url}` })) });

/** Answers the first requests by `list`, the others properly. */
function first(...list) {
  return (request, response, bytes) => (list.shift() ?? sendBytes)(request, response, bytes);
}
const status = (code) => (request, response) => response.writeHead(code).end('no');
const half = (request, response, bytes) => {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length >> 1), () => setTimeout(() => response.destroy(), 30));
};

test('progress: totals from the manifest, never back, exactly 1 at the end', async () => {
  const events = [];
  await load({ onProgress: (p) => events.push(p) });
  assert.equal(events[0].phase, 'wasm');
  assert.deepEqual([...new Set(events.map((e) => e.phase))], ['wasm', 'weights', 'verify', 'init', 'ready']);
  for (let i = 1; i < events.length; i++) {
    assert.ok(events[i].loaded >= events[i - 1].loaded && events[i].fraction >= events[i - 1].fraction);
  }
  const last = events.at(-1);
  assert.deepEqual([last.phase, last.loaded, last.total, last.fraction, last.fromCache], ['ready', manifest.totalBytes, manifest.totalBytes, 1, false]);
});

test('progress: at most ten events a second on a slow line', async () => {
  const times = [];
  const slow = (request, response, bytes) => {
    response.writeHead(200);
    const step = Math.ceil(bytes.length / 40);
    let at = 0;
    const timer = setInterval(() => {
      response.write(bytes.subarray(at, at + step));
      at += step;
      if (at >= bytes.length) {
        clearInterval(timer);
        response.end();
      }
    }, 20);
  };
  await load({ faults: { '/model.bin': slow }, onProgress: (p) => p.phase === 'weights' && times.push(performance.now()) });
  assert.ok(times.length >= 5, `${times.length} events`);
  const gaps = times.slice(3).map((t, i) => t - times[i + 2]);
  assert.ok(Math.min(...gaps) >= 99, `two events ${Math.min(...gaps)} ms apart`);
});

test('a second load from the cache asks the network for nothing', async () => {
  const cache = memoryCache();
  await load({ cache });
  const events = [];
  await load({ cache, weights: manifestAt(server.origin), fetch: () => assert.fail('fetched'), onProgress: (p) => events.push(p) });
  assert.equal(server.requests.length, 0);
  assert.equal(events.at(-1).fromCache, true);
});

test('offline, a manifest URL is answered from the last time', async () => {
  const cache = memoryCache();
  await load({ cache });
  await load({ cache, fetch: () => Promise.reject(new TypeError('offline')) });
});

test("offline's copy of a manifest is not overwritten by what is none", async () => {
  const cache = memoryCache();
  await load({ cache });
  const page = (request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html>');
  await assert.rejects(load({ cache, faults: { '/manifest.json': page } }), refuses('E_FETCH', /HTML/));
  const other = (request, response) => response.writeHead(200).end('{"parts": [{}]}');
  await assert.rejects(load({ cache, faults: { '/manifest.json': other } }), refuses('E_FORMAT', /parts\[0\]/));
  await load({ cache, fetch: () => Promise.reject(new TypeError('offline')) });
});

test('a connection that breaks is resumed with Range', async () => {
  await load({ faults: { '/model.bin': first(half) } });
  const ranges = server.requests.filter((r) => r.path === '/model.bin').map((r) => r.headers.range);
  assert.equal(ranges.length, 2);
  assert.equal(ranges[0], undefined);
  assert.match(ranges[1], /^bytes=[1-9]\d*-$/);
});

test('a connection that breaks in a manifest, or in files without one, is tried again; then E_FETCH', async () => {
  await load({ faults: { '/manifest.json': first(half, half) } });
  assert.equal(server.count('/manifest.json'), 3);
  await load({ weights: `${server.origin}/model.bin`, faults: { '/model.bin': first(half), '/vocab.txt': first(half) } });
  await assert.rejects(load({ faults: { '/manifest.json': half } }), refuses('E_FETCH', /manifest\.json could not be fetched/));
  await assert.rejects(load({ weights: `${server.origin}/model.bin`, faults: { '/vocab.txt': half } }), refuses('E_FETCH', /vocab\.txt could not be fetched/));
});

test('a connection that breaks in the engine is tried again; then E_FETCH', async () => {
  const wasm = `${server.origin}/engine.wasm`;
  await load({ wasm, faults: { '/engine.wasm': first(half) } });
  assert.equal(server.count('/engine.wasm'), 2);
  await assert.rejects(load({ wasm, faults: { '/engine.wasm': half } }), refuses('E_FETCH', /engine\.wasm could not be fetched/));
});

test('a server without Range sends all of it again', async () => {
  await load({ faults: { '/model.bin': first(half, (request, response, bytes) => response.writeHead(200).end(bytes)) } });
  assert.equal(server.count('/model.bin'), 2);
});

test('a body that ends early without an error is resumed too', async () => {
  const short = (request, response, bytes) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(bytes.subarray(0, 1000));
  await load({ faults: { '/model.bin': first(short) } });
  assert.equal(server.requests.find((r) => r.headers.range)?.headers.range, 'bytes=1000-');
});

test('a body that always ends early is E_INTEGRITY with both lengths, and is not cached', async () => {
  const cache = memoryCache();
  const short = (request, response) => response.writeHead(200).end(WEIGHTS.subarray(0, 1000));
  await assert.rejects(load({ cache, faults: { '/model.bin': short } }), refuses('E_INTEGRITY', new RegExp(`${WEIGHTS.length} bytes, got 1000`)));
  assert.ok(![...cache.entries.keys()].some((key) => key.endsWith(manifest.parts[0].sha256)));
});

test('a file that is shorter than the manifest says is fetched again past the HTTP cache; then E_INTEGRITY', async () => {
  const old = (request, response) => {
    if (request.headers.range) response.writeHead(416, { 'content-range': 'bytes */1000' }).end();
    else response.writeHead(200, { 'content-length': 1000 }).end(WEIGHTS.subarray(0, 1000));
  };
  await load({ faults: { '/model.bin': first(old, old) } });
  assert.equal(server.requests.at(-1).headers['cache-control'], 'no-cache');
  await assert.rejects(load({ faults: { '/model.bin': old } }), refuses('E_INTEGRITY', new RegExp(`${WEIGHTS.length} bytes, got 1000`)));
});

test('bytes too many are E_INTEGRITY', async () => {
  const long = (request, response, bytes) => response.writeHead(200).end(Buffer.concat([bytes, Buffer.from('x')]));
  await assert.rejects(load({ faults: { '/model.bin': long } }), refuses('E_INTEGRITY', /got more/));
  assert.equal(server.count('/model.bin'), 2);
});

test('a wrong hash is fetched again once; then E_INTEGRITY', async () => {
  const wrong = (request, response, bytes) => {
    const copy = Buffer.from(bytes);
    copy[copy.length - 7] ^= 1;
    sendBytes(request, response, copy);
  };
  await load({ faults: { '/model.bin': first(wrong) } });
  assert.equal(server.count('/model.bin'), 2);
  assert.equal(server.requests.at(-1).headers['cache-control'], 'no-cache'); // past the HTTP cache
  const cache = memoryCache();
  await assert.rejects(load({ cache, faults: { '/model.bin': wrong } }), refuses('E_INTEGRITY', /SHA-256 should be [0-9a-f]{64}, got [0-9a-f]{64}.*retried once/));
  assert.equal(server.count('/model.bin'), 2);
  assert.ok(!cache.entries.has(`https://thimble.invalid/weights/${manifest.parts[0].sha256}`));
});

test("a page in the file's place is called a page", async () => {
  const page = (type) => (request, response) => response.writeHead(200, { 'content-type': type }).end('<!DOCTYPE html><title>app</title>');
  await assert.rejects(load({ faults: { '/model.bin': page('text/html; charset=utf-8') } }), refuses('E_FETCH', /model\.bin returned HTML.*index\.html/));
  await assert.rejects(load({ faults: { '/model.bin': page('application/octet-stream') } }), refuses('E_INTEGRITY', /web page/));
  await assert.rejects(load({ faults: { '/manifest.json': page('application/json') } }), refuses('E_FORMAT', /no manifest/));
});

test('no Content-Length, and a compressed body, load like any other', async () => {
  for (const headers of [{}, { 'content-encoding': 'gzip' }]) {
    const fractions = [];
    const send = (request, response, bytes) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked', ...headers });
      response.end(headers['content-encoding'] ? gzipSync(bytes, { level: 1 }) : bytes);
    };
    await load({ faults: { '/model.bin': send }, onProgress: (p) => fractions.push(p.fraction) });
    assert.ok(fractions.every((f) => f <= 1));
    assert.equal(fractions.at(-1), 1);
  }
});

test('busy servers are asked again, refusals are not', async () => {
  await load({ faults: { '/model.bin': first(status(429), status(503)) } });
  assert.equal(server.count('/model.bin'), 3);
  await assert.rejects(load({ faults: { '/model.bin': status(503) } }), refuses('E_FETCH', /status 503/));
  assert.equal(server.count('/model.bin'), 3);
  await assert.rejects(load({ faults: { '/model.bin': status(404) } }), refuses('E_FETCH', /model\.bin answered with status 404/));
  assert.equal(server.count('/model.bin'), 1);
});

test('no server at all is E_FETCH', async () => {
  const gone = await serve();
  await gone.close();
  await assert.rejects(load({ weights: `${gone.origin}/manifest.json` }), refuses('E_FETCH', /could not be fetched/));
});

test('aborting in mid-download rejects at once and leaves nothing in the cache', async () => {
  const cache = memoryCache();
  const controller = new AbortController();
  let closed;
  const gone = new Promise((done) => (closed = done));
  const drip = (request, response, bytes) => {
    response.writeHead(200);
    response.write(bytes.subarray(0, 5000));
    response.on('close', closed);
    setTimeout(() => controller.abort(), 50);
  };
  const begin = performance.now();
  await assert.rejects(load({ cache, signal: controller.signal, faults: { '/model.bin': drip } }), { name: 'AbortError' });
  assert.ok(performance.now() - begin < 2000);
  await gone;
  assert.ok(!cache.entries.has(`https://thimble.invalid/weights/${manifest.parts[0].sha256}`));
  await assert.rejects(load({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(server.requests.length, 0);
});

test('a damaged cache entry is replaced', async () => {
  const key = `https://thimble.invalid/weights/${manifest.parts[0].sha256}`;
  const damage = {
    'cut off': [{}, (bytes) => bytes.subarray(0, 5000)],
    'a web page': [{}, () => Buffer.from('<!DOCTYPE html>')],
    'header overwritten': [{}, (bytes) => Buffer.concat([Buffer.alloc(64, 0xff), bytes.subarray(64)])],
    'one bit, verify: always': [{ verify: 'always' }, (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1) ^ 4])])],
  };
  for (const [name, [options, change]] of Object.entries(damage)) {
    const cache = memoryCache();
    await load({ cache });
    const entry = cache.entries.get(key);
    entry.bytes = change(entry.bytes);
    await load({ cache, ...options });
    assert.equal(server.count('/model.bin'), 1, name);
    assert.equal(createHash('sha256').update(cache.entries.get(key).bytes).digest('hex'), manifest.parts[0].sha256, name);
  }
});

test('a full or broken cache costs a warning, not the router', async (t) => {
  const warnings = t.mock.method(console, 'warn', () => {});
  const full = { ...memoryCache(), put: async () => { throw new DOMException('no room', 'QuotaExceededError'); } };
  await load({ cache: full });
  assert.match(warnings.mock.calls[0].arguments[0], /could not be cached.*QuotaExceededError/);
  const broken = { match: () => Promise.reject(new Error('disk')), put: () => Promise.reject(new Error('disk')), delete: () => Promise.reject(new Error('disk')) };
  await load({ cache: broken });
  assert.equal(await isCached({ weights: manifestAt(server.origin), cache: broken }), false);
});

test('a bad entry in a cache that cannot delete does not keep the network from answering', async (t) => {
  t.mock.method(console, 'warn', () => {});
  const key = `https://thimble.invalid/weights/${manifest.parts[0].sha256}`;
  for (const change of [(bytes) => bytes.subarray(0, 5000), (bytes) => Buffer.concat([Buffer.alloc(64, 0xff), bytes.subarray(64)])]) {
    const cache = { ...memoryCache(), delete: () => Promise.reject(new Error('disk')) };
    await load({ cache });
    const entry = cache.entries.get(key);
    entry.bytes = change(entry.bytes);
    await load({ cache });
    assert.equal(server.count('/model.bin'), 1);
  }
});

test('verify: never takes what has the right length and caches nothing', async () => {
  const cache = memoryCache();
  const other = structuredClone(manifest);
  for (const part of other.parts) Object.assign(part, { sha256: '0'.repeat(64), url: `${server.origin}/${part.url}` });
  await load({ cache, weights: other, verify: 'never' });
  assert.equal(cache.entries.size, 0);
  await assert.rejects(load({ cache, weights: other }), refuses('E_INTEGRITY', /SHA-256/));
});

test('files on disk are hashed only with verify: always', async () => {
  const weights = { ...manifest, parts: manifest.parts.map((p) => ({ ...p, url: dist(p.url), sha256: 'a'.repeat(64) })) };
  await load({ weights });
  await assert.rejects(load({ weights, verify: 'always' }), refuses('E_INTEGRITY', /SHA-256/));
});

test('weights in several parts', async () => {
  const split = (request, response) => {
    const [, from, to] = /(\d+)-(\d+)/.exec(request.url);
    response.writeHead(200).end(WEIGHTS.subarray(Number(from), Number(to)));
  };
  const cuts = [0, 1000, WEIGHTS.length >> 1, WEIGHTS.length];
  const parts = cuts.slice(1).map((to, i) => {
    const bytes = WEIGHTS.subarray(cuts[i], to);
    return { role: 'weights', url: `${server.origin}/part/${cuts[i]}-${to}`, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
  const faults = Object.fromEntries(parts.map((p) => [new URL(p.url).pathname, split]));
  await load({ faults, weights: { ...manifest, parts: [...parts, { ...manifest.parts[1], url: `${server.origin}/vocab.txt` }] } });
});

test('a manifest that is none says what is missing', async () => {
  for (const change of [{ sha256: 'abc' }, { bytes: -1 }, { role: 'other' }]) {
    const weights = { ...manifest, parts: [{ ...manifest.parts[0], ...change }] };
    await assert.rejects(load({ weights }), refuses('E_FORMAT', /parts\[0\] needs url, role/));
  }
});

test('weights as URL, bytes, Blob, Response and stream', async () => {
  const padded = new Uint8Array(WEIGHTS.length + 13);
  padded.set(WEIGHTS, 13);
  const sources = {
    url: [`${server.origin}/model.bin`, undefined],
    URL: [new URL(`${server.origin}/model.bin`), `${server.origin}/vocab.txt`],
    Buffer: [WEIGHTS, VOCABULARY],
    'view with an offset': [padded.subarray(13), VOCABULARY],
    ArrayBuffer: [padded.buffer.slice(13), VOCABULARY],
    Blob: [new Blob([WEIGHTS]), new Blob([VOCABULARY])],
    Response: [new Response(WEIGHTS), new Response(VOCABULARY)],
    ReadableStream: [new Blob([WEIGHTS]).stream(), new Blob([VOCABULARY]).stream()],
    path: [new URL(dist('model.bin')).pathname, new URL(dist('vocab.txt')).pathname],
  };
  for (const [name, [weights, vocabulary]] of Object.entries(sources)) {
    for (const worker of [false, true]) {
      if (worker && !['Blob', 'view with an offset'].includes(name)) continue;
      const events = [];
      await load({ weights, vocabulary, worker, onProgress: (p) => events.push(p) }).catch((error) => assert.fail(`${name}: ${error}`));
      assert.equal(events.at(-1).fraction, 1, name);
      if (name === 'Response') continue;
    }
  }
  await assert.rejects(load({ weights: WEIGHTS }), refuses('E_OPTION', /vocab\.txt/));
  await assert.rejects(load({ weights: 7 }), refuses('E_OPTION', /weights must be/));
  await assert.rejects(load({ weights: new Response('', { status: 500 }), vocabulary: VOCABULARY }), refuses('E_FETCH', /status 500/));
});

test("Node's cache: whole files named by hash, and nothing else left behind", async () => {
  const options = { weights: `${server.origin}/manifest.json` };
  await clearCache();
  assert.equal(await isCached(options), false);
  assert.deepEqual(readdirSync(home), [], 'asking must not write');
  await load({ cache: 'auto' });
  assert.equal(await isCached(options), true);
  const names = readdirSync(join(home, 'thimble'));
  assert.ok(manifest.parts.every((p) => names.includes(p.sha256)));
  assert.ok(names.every((name) => !/\.\d+\.[a-z0-9]+$/.test(name)), names.join());
  const path = join(home, 'thimble', manifest.parts[0].sha256);
  writeFileSync(path, readFileSync(path).subarray(0, 99));
  assert.equal(await isCached(options), false);
  await load({ cache: 'auto' });
  assert.equal(server.count('/model.bin'), 1);
  assert.equal(server.count('/vocab.txt'), 0);
  await clearCache();
  assert.deepEqual(readdirSync(home), []);
});

test('fetch and cache given by the caller are used from a worker too', async () => {
  const cache = memoryCache();
  const fetched = [];
  const own = (url, init) => {
    fetched.push(String(url));
    return fetch(url, init);
  };
  await load({ cache, worker: true, fetch: own });
  assert.equal(fetched.length, 3);
  assert.ok(cache.entries.size >= 2);
  await load({ cache, worker: true, fetch: own });
  assert.equal(fetched.length, 4); // the manifest only
  await assert.rejects(load({ worker: true, fetch: () => Promise.reject(new TypeError('cut')) }), refuses('E_FETCH', /cut/));
});

test('the model in the package needs neither network nor cache', async () => {
  const router = await createRouter({ fetch: undefined });
  const result = await router.route(QUERY, TOOLS);
  assert.equal(result.stop, 'end');
  await router.dispose();
  assert.deepEqual(readdirSync(home), []);
});
