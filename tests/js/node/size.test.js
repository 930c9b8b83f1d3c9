/** Budgets: what a page downloads, what the package takes. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { DIST, read } from '../helpers.js';

const KB = 1024;
const files = readdirSync(DIST, { recursive: true }).filter((name) => statSync(join(DIST, name)).isFile());

async function minified(name) {
  const { outputFiles } = await build({ entryPoints: [join(DIST, name)], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false });
  return outputFiles[0].contents;
}

function budget(name, bytes, most) {
  test(`${name}: at most ${most} bytes`, async (t) => {
    const got = await bytes();
    t.diagnostic(`${got} bytes`);
    assert.ok(got <= most, `${got} bytes`);
  });
}

budget('browser entry, minified', async () => (await minified('browser.js')).length, 10 * KB);
budget('browser entry, brotli', async () => brotliCompressSync(await minified('browser.js')).length, 4 * KB);
budget('worker, minified', async () => (await minified('worker.js')).length, 25 * KB);
for (const [name, most, br] of [['engine', 120, 48], ['engine-relaxed', 128, 48], ['needle', 125, 50], ['needle-relaxed', 140, 52]]) {
  budget(`${name}.wasm`, () => read(`${name}.wasm`).length, most * KB);
  budget(`${name}.wasm, brotli`, () => brotliCompressSync(read(`${name}.wasm`)).length, br * KB);
}
budget('model', () => read('model.bin').length, 4e6);
const sum = (wanted) => files.filter(wanted).reduce((total, n) => total + statSync(join(DIST, n)).size, 0);
const isModel = (name) => ['model.bin', 'vocab.txt'].includes(name);
budget("package without weights and without Needle 1's engines", () => sum((n) => !isModel(n) && !/^needle.*wasm$/.test(n)), 400 * KB);
budget('package without weights', () => sum((n) => !isModel(n)), 660 * KB);

test('no eval, new Function, dynamic import, blob worker or SharedArrayBuffer; node: only where Node is', () => {
  for (const name of files.filter((n) => n.endsWith('.js'))) {
    const text = read(name).toString();
    for (const bad of [/\beval\s*\(/, /new Function\b/, /\bimport\s*\(/, /createObjectURL/, /SharedArrayBuffer/]) assert.doesNotMatch(text, bad, name);
  }
});

test('no node: module is reachable from an entry for browsers, workers or Deno', async () => {
  for (const name of ['browser', 'worker', 'inline', 'sw', 'service-worker', 'adapters', 'workerd', 'deno']) {
    const { metafile } = await build({ entryPoints: [join(DIST, `${name}.js`)], bundle: true, format: 'esm', write: false, metafile: true, external: ['*.wasm', '*.bin', '*.txt', 'node:*'] });
    const imported = Object.values(metafile.outputs).flatMap((o) => o.imports.map((i) => i.path));
    assert.deepEqual(imported.filter((path) => !/\.(wasm|bin|txt)$/.test(path)), [], name);
  }
});
