/** The wasm modules themselves: what they import and export, hashing, the allocator. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { read, ROOT } from '../helpers.js';

const NAMES = ['engine.wasm', 'engine-relaxed.wasm'];
const modules = NAMES.filter((name) => WebAssembly.validate(read(name)));

test('no imports; the exports are those of wasm/exports.txt', () => {
  const wanted = readFileSync(join(ROOT, 'wasm/exports.txt'), 'utf8').trim().split('\n');
  assert.ok(modules.includes('engine.wasm'));
  for (const name of modules) {
    const module = new WebAssembly.Module(read(name));
    assert.deepEqual(WebAssembly.Module.imports(module), []);
    assert.deepEqual(WebAssembly.Module.exports(module).map((e) => e.name).sort(), ['memory', ...wanted].sort());
  }
});

async function instance(name) {
  const { instance: { exports } } = await WebAssembly.instantiate(read(name), {});
  return { exports, view: (at, n) => new Uint8Array(exports.memory.buffer, at, n) };
}

test('SHA-256 agrees with OpenSSL for all lengths around a block and random cuts', async () => {
  const { exports, view } = await instance('engine.wasm');
  const at = exports.thimble_alloc(70_000);
  const data = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) >> 3 & 255));
  view(at, data.length).set(data);
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (const length of [...Array(200).keys(), 4096, 65_535, 70_000]) {
    exports.thimble_sha256_begin();
    for (let from = 0; from < length;) {
      const n = Math.min(length - from, 1 + random(150) ** (1 + random(2)));
      exports.thimble_sha256_update(at + from, n);
      from += n;
    }
    const got = Buffer.from(view(exports.thimble_sha256_end(), 32)).toString('hex');
    assert.equal(got, createHash('sha256').update(data.subarray(0, length)).digest('hex'), `${length} bytes`);
  }
});

test('the allocator: aligned, no overlap, all room comes back', async () => {
  const { exports, view } = await instance('engine.wasm');
  const live = new Map();
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let step = 0; step < 4000; step++) {
    if (live.size > 40 || (live.size && random(2))) {
      const [at, { n, mark }] = [...live][random(live.size)];
      assert.ok(view(at, n).every((b) => b === mark), `block at ${at} was overwritten`);
      exports.thimble_free(at);
      live.delete(at);
    } else {
      const n = random(random(10) ? 3000 : 200_000);
      const at = exports.thimble_alloc(n);
      assert.ok(at > 0 && at % 64 === 0);
      const mark = step & 255;
      view(at, n).fill(mark);
      live.set(at, { n, mark });
    }
  }
  for (const at of live.keys()) exports.thimble_free(at);
  const size = exports.memory.buffer.byteLength;
  const all = exports.thimble_alloc(size - 600_000); // stack and data take the rest
  assert.ok(all > 0);
  assert.equal(exports.memory.buffer.byteLength, size, 'free blocks did not merge');
  exports.thimble_free(0);
  assert.equal(exports.thimble_alloc(0xffffffff), 0);
  assert.equal(exports.thimble_alloc(0x7fffffff), 0);
});

test('calls in a wrong order are errors, not traps', async () => {
  const { exports, view } = await instance('engine.wasm');
  const message = () => Buffer.from(view(exports.thimble_message(), exports.thimble_message_length())).toString();
  for (const call of [() => exports.thimble_info(), () => exports.thimble_prepare(0, 0, 0), () => exports.thimble_load(0, 0), () => exports.thimble_decode(), () => exports.thimble_rank(1)]) {
    assert.ok(call() < 0);
    assert.match(message(), /open|encoded/);
  }
  const put = (bytes) => {
    const at = exports.thimble_alloc(bytes.length);
    view(at, bytes.length).set(bytes);
    return at;
  };
  const [weights, vocabulary] = [read('model.bin'), read('vocab.txt')];
  const open = () => exports.thimble_open(put(weights), weights.length, put(vocabulary), vocabulary.length, 0, 0);
  assert.equal(open(), 0);
  assert.ok(open() < 0);
  assert.match(message(), /already/);
  const tools = Buffer.from('[{"name":"a"}]');
  const list = exports.thimble_prepare(put(tools), tools.length, 0);
  assert.ok(list > 0);
  assert.ok(exports.thimble_decode() < 0);
  const query = Buffer.from('hello');
  assert.equal(exports.thimble_encode(list, put(query), query.length, 0, 0, 0, 0, 0), 0);
  assert.equal(exports.thimble_decode(), 0);
  assert.ok(exports.thimble_decode() < 0, 'twice');
  assert.ok(exports.thimble_encode(list, put(query), query.length, 0, 77, 0, 0, 0) < 0);
});
