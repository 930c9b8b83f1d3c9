/** Native program and wasm give the same bytes. (Node 20 validates the relaxed build only with its flag; Deno does always.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, RELAXED_KERNELS } from '../helpers.js';
import { cannotCompare, examples, nativeAnswers } from '../parity.js';
import { rawEngine } from '../raw.js';

/** The second pass with the flag (npm run test:node-relaxed) leaves out what the first one did. */
const second = process.execArgv.includes('--experimental-wasm-relaxed-simd');
const builds = [['engine.wasm', 'simd128'], ['engine-relaxed.wasm', RELAXED_KERNELS]].filter(([name], i) => (i > 0 || !second) && WebAssembly.validate(read(name)));
for (const [name, kernels] of builds) test(`500 dev examples: native and ${name} agree byte for byte`, { skip: cannotCompare }, async () => {
  const engine = await rawEngine(read(name), read('model.bin'), read('vocab.txt'));
  assert.equal(engine.info.kernels, kernels);
  const list = examples(500);
  const native = nativeAnswers(list);
  assert.equal(native.length, list.length);
  assert.ok(native.filter((line) => line.includes('"name"')).length > 100, 'hardly any calls to compare');
  for (const [i, { query, tools }] of list.entries()) {
    assert.equal(engine.route(JSON.stringify(tools), query), native[i], `example ${i}: ${query}`);
  }
});
