/** Native program and wasm give the same bytes. (The relaxed build is compared in Deno.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read } from '../helpers.js';
import { cannotCompare, examples, nativeAnswers } from '../parity.js';
import { rawEngine } from '../raw.js';

test('500 dev examples: native and simd128 agree byte for byte', { skip: cannotCompare }, async () => {
  const engine = await rawEngine(read('engine.wasm'), read('model.bin'), read('vocab.txt'));
  assert.equal(engine.info.kernels, 'simd128');
  const list = examples(500);
  const native = nativeAnswers(list);
  assert.equal(native.length, list.length);
  assert.ok(native.filter((line) => line.includes('"name"')).length > 100, 'hardly any calls to compare');
  for (const [i, { query, tools }] of list.entries()) {
    assert.equal(engine.route(JSON.stringify(tools), query), native[i], `example ${i}: ${query}`);
  }
});
