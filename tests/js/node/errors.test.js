/** Every error code is provoked once, and its sentence holds what a stranger needs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dist, manifest, QUERY, read, ROOT, serve, TOOLS } from '../helpers.js';

const { createRouter, RouterError } = await import(dist('node.js'));
const seen = new Set();
let router;
let server;

before(async () => {
  router = await createRouter();
  server = await serve();
});
after(async () => {
  await router.dispose();
  await server.close();
  const source = readFileSync(join(ROOT, 'js/errors.ts'), 'utf8');
  const codes = source.slice(source.indexOf('type ErrorCode'), source.indexOf('const STATUS')).match(/E_[A-Z_]+/g);
  assert.deepEqual(codes.filter((code) => !seen.has(code)), [], 'codes that no test provokes');
});

/** A test that the call rejects with the code and a message that matches all patterns. */
function provokes(code, name, call, ...patterns) {
  test(`${code}: ${name}`, async (t) => {
    await assert.rejects(async () => call(t), (error) => {
      assert.ok(error instanceof RouterError && error instanceof Error, String(error));
      assert.equal(error.name, 'RouterError');
      assert.equal(error.code, code, error.message);
      assert.ok(error.message.startsWith(`${code}: `));
      for (const pattern of patterns) assert.match(error.message, pattern);
      return true;
    });
    seen.add(code);
  });
}

const tool = (parameters, rest = {}) => [{ name: 'x', description: 'y', parameters, ...rest }];
const object = (properties, rest = {}) => tool({ type: 'object', properties, ...rest });

provokes('E_NOT_WASM', 'a web page where the engine should be', () => createRouter({ wasm: `${server.origin}/missing.html`, fetch: async () => new Response('<!DOCTYPE html>') }),
  /returned HTML/, /3c21444f/, /index\.html/, /js\/README\.md/);
provokes('E_NOT_WASM', 'a page with its own type', () => createRouter({ wasm: `${server.origin}/x`, fetch: async () => new Response('<p>', { headers: { 'content-type': 'text/html' } }) }), /HTML/);
provokes('E_NOT_WASM', 'other bytes', () => createRouter({ wasm: new Uint8Array([1, 2, 3, 4, 5]) }), /01020304/);
provokes('E_NOT_WASM', 'a module that is cut off', () => createRouter({ wasm: read('engine.wasm').subarray(0, 5000) }), /does not compile/);
provokes('E_WASM_BLOCKED', 'a host that forbids compiling', (t) => {
  t.mock.method(WebAssembly, 'compile', async () => { throw new WebAssembly.CompileError('Wasm code generation disallowed by embedder'); });
  return createRouter();
}, /wasm-unsafe-eval/, /Workers import from/);
provokes('E_SIMD', 'no SIMD', (t) => {
  t.mock.method(WebAssembly, 'validate', () => false);
  return createRouter();
}, /Chrome 91, Firefox 89, Safari 16\.4/);
provokes('E_SIMD', 'relaxed SIMD asked for but not there', (t) => {
  const { validate } = WebAssembly;
  t.mock.method(WebAssembly, 'validate', (bytes) => bytes.length < 32 && validate(bytes));
  return createRouter({ simd: 'relaxed' });
}, /simd: 'auto'/);
// (module (func (export "thimble_abi") (result i32) i32.const 99))
const ABI_99 = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 15, 1, 11, ...Buffer.from('thimble_abi'), 0, 0, 10, 7, 1, 5, 0, 65, 227, 0, 11]);
provokes('E_ABI', 'an engine of another version', () => createRouter({ wasm: ABI_99 }), /needs engine ABI 2, got 99/, /clear caches/);
provokes('E_ABI', 'a module that is no engine', () => createRouter({ wasm: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) }), /got none/);
provokes('E_FETCH', 'a file that is missing', () => createRouter({ weights: `${server.origin}/nothing/manifest.json` }), /status 404/, /nothing\/manifest\.json/);
provokes('E_FETCH', 'a path that is missing', () => createRouter({ weights: '/nowhere/model.bin' }), /nowhere/);
provokes('E_INTEGRITY', 'a file that is not the one named', () => createRouter({
  cache: 'none', weights: { ...manifest, parts: manifest.parts.map((p) => ({ ...p, url: `${server.origin}/${p.url}`, sha256: 'a'.repeat(64) })) },
}), /should be a{64}, got [0-9a-f]{64}/, /retried once/);
provokes('E_FORMAT', 'weights that are none', () => createRouter({ weights: new Uint8Array(1000).fill(7), vocabulary: read('vocab.txt') }));
provokes('E_FORMAT', 'weights cut off', () => createRouter({ weights: read('model.bin').subarray(0, 1e6), vocabulary: read('vocab.txt') }));
provokes('E_FORMAT', 'the vocabulary of another model', () => createRouter({ weights: read('model.bin'), vocabulary: Buffer.from('a\t0\nb\t0\n') }), /vocab/);
provokes('E_FORMAT', 'prepared tools that are none', () => router.prepare(new Uint8Array(50)));
provokes('E_JSON', 'tools that are no JSON', () => router.route(QUERY, '[{"name": ]'), /line 1, column 11/);
provokes('E_TOOLS', 'a tool without a name', () => router.route(QUERY, [{ description: 'no name' }]), /tool 0/);
provokes('E_TOOLS', 'two tools of one name', () => router.route(QUERY, [TOOLS[0], TOOLS[0]]), /set_thermostat/);
provokes('E_TOOLS', 'a name that is too long', () => router.route(QUERY, [{ ...TOOLS[0], name: 'n'.repeat(129) }]), /128/);
provokes('E_TOOLS', 'no tools', () => router.route(QUERY, null), /list/);
provokes('E_TOOLS', 'tools that cannot be JSON', () => {
  const parameters = {};
  parameters.self = parameters;
  return router.route(QUERY, tool(parameters));
}, /circular/);
provokes('E_SCHEMA', 'a keyword that is not enforced', () => router.route(QUERY, object({ a: { type: 'string', contentEncoding: 'base64' } })), /"x"/, /contentEncoding/, /\/parameters\/properties\/a/);
provokes('E_SCHEMA', 'an array of objects', () => router.route(QUERY, object({ a: { type: 'array', items: { type: 'object', properties: {} } } })), /"x"/);
provokes('E_QUERY', 'an empty request', () => router.route('', TOOLS), /empty/);
provokes('E_QUERY', 'no string', () => router.route(undefined, TOOLS), /undefined/);
provokes('E_QUERY', 'half a character', () => router.route('play \ud83c', TOOLS), /index 5/);
provokes('E_TOO_LONG', 'a request of 100,000 characters', () => router.route('x'.repeat(100_000), TOOLS));
provokes('E_TOO_LONG', 'a request of 400 words', () => router.route('word '.repeat(400), TOOLS), /320/);
provokes('E_NOMEM', 'a manifest larger than the memory may get', () => createRouter({
  cache: 'none', weights: { ...manifest, parts: [manifest.parts[1], 1, 2].map((p, i) => (i ? { ...manifest.parts[0], bytes: 2 ** 30 - 1 } : p)).map((p) => ({ ...p, url: `${server.origin}/${p.url}` })) },
}), /cannot grow/);
provokes('E_OPTION', 'an option with a wrong value', () => createRouter({ simd: 'fast' }), /simd is "fast"; it can be "auto", "baseline", "relaxed"/);
provokes('E_INTERNAL', 'a trap', async (t) => {
  const { instantiate } = WebAssembly;
  t.mock.method(WebAssembly, 'instantiate', async (...args) => {
    const { exports } = await instantiate(...args);
    return { exports: { ...exports, thimble_decode: () => exports.thimble_sha256_update(0x7ffffff0, 64) } };
  });
  const trapped = await createRouter();
  t.after(() => trapped.dispose());
  return trapped.route(QUERY, TOOLS);
}, /out of bounds/, /report it/);
provokes('E_DISPOSED', 'use after dispose', async () => {
  const gone = await createRouter();
  await gone.dispose();
  return gone.route(QUERY, TOOLS);
});
provokes('E_BUSY', 'more calls than may wait', async (t) => {
  const small = await createRouter({ maxQueue: 1 });
  t.after(() => small.dispose());
  return Promise.all([1, 2, 3].map(() => small.route(QUERY, TOOLS)));
}, /maxQueue/);

test('errors from a worker are the same errors', async () => {
  const far = await createRouter({ worker: true });
  const bad = [[QUERY, '[{'], ['', TOOLS], [QUERY, [{}]], ['x'.repeat(1e5), TOOLS], [QUERY, object({ a: { type: 'string', contentEncoding: 'x' } })]];
  for (const [query, tools] of bad) {
    const [here, there] = await Promise.all([router, far].map((r) => r.route(query, tools).catch((e) => e)));
    assert.ok(there instanceof RouterError);
    assert.deepEqual([there.code, there.message], [here.code, here.message]);
  }
  await far.dispose();
  await assert.rejects(createRouter({ worker: true, weights: `${server.origin}/none.json` }), (e) => e instanceof RouterError && e.code === 'E_FETCH' && e.url.endsWith('none.json'));
});

test("schema: 'lenient' routes and lists what was ignored", async () => {
  const tools = object({ title: { type: 'string', description: 'song', contentEncoding: 'base64' } });
  const result = await router.route('play Clair de Lune', tools, { schema: 'lenient' });
  assert.equal(result.ignored.length, 1);
  assert.match(JSON.stringify(result.ignored), /contentEncoding/);
});
