/** The installed package through the bundlers people use, with their defaults, and the result in Chromium. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import * as vite from 'vite';
import webpack from 'webpack';
import { launch } from '../chromium.js';
import { manifest, QUERY, serve, TOOLS } from '../helpers.js';
import { project } from '../install.js';

const SOURCE = `
import { createRouter } from 'thimble';
import { toOpenAI } from 'thimble/adapters';

const router = await createRouter({ onProgress: (p) => (window.last = p) });
const result = await router.route(${JSON.stringify(QUERY)}, ${JSON.stringify(TOOLS)});
window.result = { call: result.calls[0], reason: toOpenAI(result).finish_reason, last: window.last, simd: router.info.simd };
`;
const page = (script) => `<!doctype html><meta charset="utf-8"><title>app</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
/** What bundlers that leave \`new URL(.., import.meta.url)\` alone need beside their output (js/README.md). */
const BESIDE = ['worker.js', 'engine.wasm', 'engine-relaxed.wasm', 'model.bin', 'vocab.txt'];

let browser;
let made;
before(async () => {
  browser = await launch();
  made = project();
  writeFileSync(join(made.app, 'main.js'), SOURCE);
  writeFileSync(join(made.app, 'index.html'), page('/main.js'));
});
after(async () => {
  await browser?.close();
  made?.remove();
});

/** Opens the address; the result of the app, or what went wrong. */
async function look(t, url) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const tab = await context.newPage();
  const problems = [];
  tab.on('pageerror', (error) => problems.push(String(error)));
  tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await tab.goto(url);
  await tab.waitForFunction(() => window.result, null, { timeout: 30_000 }).catch(() => assert.fail(problems.join('\n') || 'no result'));
  const result = await tab.evaluate(() => window.result);
  assert.deepEqual([result.call.name, result.call.arguments], ['set_thermostat', { room: 'nursery', temperature: 21 }]);
  assert.equal(result.reason, 'tool_calls');
  assert.deepEqual([result.last.phase, result.last.loaded], ['ready', manifest.totalBytes]);
  assert.deepEqual(problems, []);
}

async function lookAt(t, folder) {
  const server = await serve([folder], { headers: { 'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'" } });
  t.after(() => server.close());
  await look(t, `${server.origin}/`);
  return server.requests.map((r) => r.path);
}

/** An output folder with a page for the script, and what the package needs beside it if the bundler does not see to that. */
function output(name, script, beside) {
  const folder = join(made.app, 'out', name);
  mkdirSync(folder, { recursive: true });
  if (script) writeFileSync(join(folder, 'index.html'), page(script));
  if (beside) for (const file of BESIDE) cpSync(join(made.installed, 'dist', file), join(folder, file));
  return folder;
}

test('Vite: build', async (t) => {
  const folder = output('vite');
  await vite.build({ root: made.app, configFile: false, logLevel: 'error', build: { outDir: folder, target: 'es2022' } });
  const paths = await lookAt(t, folder);
  const hashed = paths.filter((path) => /^\/assets\/(model|engine-relaxed|vocab|worker)-[\w-]+\.(bin|wasm|txt|js)$/.test(path));
  assert.equal(hashed.length, 4, paths.join());
  const assets = readdirSync(join(folder, 'assets'));
  for (const name of ['engine', 'engine-relaxed', 'needle', 'needle-relaxed']) assert.ok(assets.some((asset) => new RegExp(`^${name}-[\\w-]{8}\\.wasm$`).test(asset)), `${name}: ${assets.join()}`);
});

test('Vite: development server', async (t) => {
  const server = await vite.createServer({ root: made.app, configFile: false, logLevel: 'error', server: { port: 5199, host: '127.0.0.1' }, cacheDir: join(made.app, 'cache') });
  t.after(() => server.close());
  await server.listen();
  await look(t, `http://127.0.0.1:${server.httpServer.address().port}/`);
});

test('webpack', async (t) => {
  const folder = output('webpack', 'main.js');
  const stats = await new Promise((done, fail) => webpack({
    context: made.app, mode: 'production', entry: './main.js', output: { path: folder, filename: 'main.js', module: true }, experiments: { outputModule: true },
  }, (error, result) => (error ? fail(error) : done(result))));
  assert.deepEqual(stats.compilation.errors.map(String), []);
  const paths = await lookAt(t, folder);
  assert.ok(paths.some((path) => /^\/[0-9a-f]{20}\.bin$/.test(path)), paths.join());
});

test('esbuild', async (t) => {
  const folder = output('esbuild', 'main.js', true);
  await esbuild.build({ absWorkingDir: made.app, entryPoints: ['main.js'], bundle: true, minify: true, format: 'esm', outfile: join(folder, 'main.js'), logLevel: 'error' });
  await lookAt(t, folder);
});

test('Rollup', async (t) => {
  const folder = output('rollup', 'main.js', true);
  const bundle = await rollup({ input: join(made.app, 'main.js'), plugins: [nodeResolve({ browser: true })] });
  await bundle.write({ file: join(folder, 'main.js'), format: 'es' });
  await bundle.close();
  await lookAt(t, folder);
});

test('only what is used is bundled', async () => {
  const { outputFiles, metafile } = await esbuild.build({
    absWorkingDir: made.app, stdin: { contents: "import { toMCP } from 'thimble/adapters'; console.log(toMCP({ calls: [] }));", resolveDir: made.app },
    bundle: true, minify: true, format: 'esm', write: false, metafile: true,
  });
  assert.ok(outputFiles[0].contents.length < 400, `${outputFiles[0].contents.length} bytes`);
  assert.deepEqual(Object.keys(metafile.inputs).filter((name) => name.includes('thimble')).map((name) => name.split('/').pop()), ['adapters.js']);
  assert.ok(existsSync(join(made.installed, 'dist')) && readdirSync(join(made.installed, 'dist')).length > 10);
});
