#!/usr/bin/env node
/** Builds dist/ around the wasm engines: the model's files, manifest.json, one ES module for each entry, types.
 *
 *   node js/build.js [--out dist] [--model models/tiny] [--no-types]
 *
 * Needs the four wasm modules in the output folder (make wasm) and model.safetensors and vocab.txt in the model's. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    model: { type: 'string', default: join(root, 'models/tiny') },
    'no-types': { type: 'boolean', default: false },
  },
});
const out = values.out;

/** The model's files, by the names they have in the package: .bin and .txt are what wrangler imports without further rules. */
const FILES = [
  { from: 'model.safetensors', url: 'model.bin', role: 'weights' },
  { from: 'vocab.txt', url: 'vocab.txt', role: 'vocabulary' },
];

const TARGET = ['es2022', 'chrome91', 'firefox90', 'safari16.4'];
/** Bundled each by itself, because people copy them to a server or a page downloads them. The workers are downloaded as they are
 * by a page that has no bundler: without spaces, but with their names, so that a stack can be read. */
const ALONE = [
  { name: 'browser', format: 'esm' },
  { name: 'worker', format: 'esm', minifyWhitespace: true, minifySyntax: true },
  { name: 'service-worker', format: 'iife', minifyWhitespace: true, minifySyntax: true },
  { name: 'sw', format: 'esm' },
  { name: 'adapters', format: 'esm' },
];
/** Bundled together: what they have in common stands in chunks, in the same folder, because import.meta.url counts. */
const TOGETHER = ['inline', 'deno', 'workerd', 'node', 'node-worker'];

function describe(url) {
  const bytes = readFileSync(join(out, url));
  return { url, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The `__metadata__` of a SafeTensors file. */
function metadata(path) {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  return JSON.parse(file.toString('utf8', 8, 8 + length)).__metadata__ ?? {};
}

const engines = (name) => ({ baseline: describe(`${name}.wasm`), relaxed: describe(`${name}-relaxed.wasm`) });

function writeManifest() {
  for (const { from, url } of FILES) copyFileSync(join(values.model, from), join(out, url));
  const { format = 'needle1', name = 'tiny' } = metadata(join(out, 'model.bin'));
  const parts = FILES.map(({ url, role }) => ({ role, ...describe(url) }));
  const manifest = {
    format,
    model: name,
    license: 'MIT',
    parts,
    totalBytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    engine: { ...engines('engine'), needle1: engines('needle') },
  };
  writeFileSync(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function bundle(manifest) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const source = (name) => join(root, `js/${name}.ts`);
  const common = {
    bundle: true,
    format: 'esm',
    charset: 'utf8',
    logLevel: 'warning',
    define: { __FORMAT__: JSON.stringify(manifest.format), __PARTS__: JSON.stringify(manifest.parts), __ENGINES__: JSON.stringify(manifest.engine), __VERSION__: JSON.stringify(version) },
  };
  for (const { name, ...how } of ALONE) {
    await build({ ...common, ...how, entryPoints: [source(name)], outfile: join(out, `${name}.js`), target: TARGET });
  }
  await build({
    ...common, entryPoints: TOGETHER.map(source), outdir: out, splitting: true, chunkNames: 'chunk-[hash]', target: TARGET, minifySyntax: true,
    external: ['node:*', '*.wasm', '*.bin', '*.txt'],
  });
  // Minified for the package's size: nobody reads or bundles the command.
  await build({ ...common, entryPoints: [source('cli')], outfile: join(out, 'cli.js'), platform: 'node', external: ['./node.js', './adapters.js'], minify: true });
  chmodSync(join(out, 'cli.js'), 0o755);
}

for (const name of readdirSync(out).filter((n) => n.startsWith('chunk-'))) rmSync(join(out, name));
for (const file of ['engine.wasm', 'engine-relaxed.wasm', 'needle.wasm', 'needle-relaxed.wasm']) {
  if (!existsSync(join(out, file))) throw new Error(`${join(out, file)} is missing: run "make wasm" first`);
}
await bundle(writeManifest());
if (!values['no-types']) {
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--outDir', out], { stdio: 'inherit' });
}
