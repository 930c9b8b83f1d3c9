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
budget('worker, minified', async () => (await minified('worker.js')).length, 24 * KB);
for (const [name, most] of [['engine.wasm', 120 * KB], ['engine-relaxed.wasm', 125 * KB]]) {
  budget(name, () => read(name).length, most);
  budget(`${name}, brotli`, () => brotliCompressSync(read(name)).length, 48 * KB);
}
budget('model', () => read('model.bin').length, 4e6);
budget('package without weights', () => files.filter((n) => !['model.bin', 'vocab.txt'].includes(n))
  .reduce((sum, n) => sum + statSync(join(DIST, n)).size, 0), 400 * KB);

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
