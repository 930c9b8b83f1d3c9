/** What npm would publish: publint, are-the-types-wrong, types, an installation into an empty folder, the command. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { QUERY, ROOT, TOOLS } from '../helpers.js';
import { project } from '../install.js';

let made;
before(() => {
  made = project();
});
after(() => made.remove());

const bin = (name) => join(ROOT, 'node_modules/.bin', name);

test('the archive: what is in it, how large', (t) => {
  const names = made.about.files.map((file) => file.path);
  for (const name of ['package.json', 'LICENSE', 'dist/browser.js', 'dist/engine.wasm', 'dist/model.bin', 'dist/vocab.txt', 'dist/manifest.json', 'dist/index.d.ts', 'dist/cli.js']) {
    assert.ok(names.includes(name), `${name} is missing`);
  }
  assert.ok(names.every((name) => /^(dist\/|package\.json$|LICENSE$|(js\/)?README\.md$)/.test(name)), names.join());
  assert.ok(names.length <= 90, `${names.length} files`);
  t.diagnostic(`${(made.about.size / 1e6).toFixed(2)} MB packed, ${(made.about.unpackedSize / 1e6).toFixed(2)} MB unpacked, ${names.length} files`);
  assert.ok(made.about.unpackedSize < 5e6);
});

test('publint finds nothing', async () => {
  const { messages } = await publint({ pkgDir: made.installed, strict: true, pack: false });
  assert.deepEqual(messages.map((message) => formatMessage(message, {})), []);
});

test('are-the-types-wrong finds nothing', () => {
  // esm-only: resolution from CommonJS (node16-cjs) and by the rules of Node 10 is not promised.
  const { stdout, status } = spawnSync(bin('attw'), [made.archive, '--format', 'json', '--profile', 'esm-only', '--exclude-entrypoints', 'engine.wasm', 'engine-relaxed.wasm', 'needle.wasm', 'needle-relaxed.wasm', 'model.bin', 'vocab.txt', 'manifest.json', 'service-worker.js'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const { problems, analysis } = JSON.parse(stdout);
  assert.deepEqual(Object.values(problems).flat().filter((problem) => !/^node1(0|6-cjs)$/.test(problem.resolutionKind)), []);
  assert.ok(analysis.entrypoints['./adapters'].resolutions.bundler.resolution.fileName.endsWith('dist/adapters.d.ts'));
  assert.equal(status, 0);
});

test('literal schemas type the arguments, in bundler and Node resolution', () => {
  cpSync(new URL('../types/use.ts', import.meta.url), join(made.app, 'use.ts'));
  for (const [module, moduleResolution] of [['NodeNext', 'NodeNext'], ['ESNext', 'Bundler']]) {
    writeFileSync(join(made.app, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { target: 'ES2022', lib: ['ES2022', 'DOM', 'ESNext.Disposable'], types: [], module, moduleResolution, strict: true, noEmit: true, skipLibCheck: false },
      files: ['use.ts'],
    }));
    const { stdout } = spawnSync(bin('tsc'), ['-p', made.app], { encoding: 'utf8' });
    assert.equal(stdout, '', moduleResolution);
  }
});

test('installed into an empty folder, it routes: no further step, no network', () => {
  writeFileSync(join(made.app, 'app.js'), `
    import { createRouter } from 'thimble';
    import { toOpenAI } from 'thimble/adapters';
    import manifest from 'thimble/manifest.json' with { type: 'json' };
    const router = await createRouter({ fetch: () => { throw new Error('the network was used'); } });
    const result = await router.route(${JSON.stringify(QUERY)}, ${JSON.stringify(TOOLS)});
    console.log(JSON.stringify([toOpenAI(result).message.tool_calls[0].function, manifest.model, import.meta.resolve('thimble/engine.wasm').endsWith('dist/engine.wasm')]));`);
  const [call, model, resolved] = JSON.parse(execFileSync(process.execPath, ['--no-warnings', 'app.js'], { cwd: made.app, encoding: 'utf8', timeout: 60_000 }));
  assert.equal(call.name, 'set_thermostat');
  assert.deepEqual(JSON.parse(call.arguments), { room: 'nursery', temperature: 21 });
  assert.equal(model, 'tiny');
  assert.equal(resolved, true);
});

test('npx thimble', () => {
  writeFileSync(join(made.app, 'tools.json'), JSON.stringify(TOOLS));
  const npx = (...args) => spawnSync('npx', ['--offline', 'thimble', ...args], { cwd: made.app, encoding: 'utf8', input: JSON.stringify(TOOLS) });
  const { stdout, stderr, status } = npx(QUERY, '--tools', 'tools.json', '--time');
  assert.deepEqual(JSON.parse(stdout), [{ name: 'set_thermostat', arguments: { room: 'nursery', temperature: 21 } }]);
  assert.match(stderr, /^load [\d.]+ ms, route [\d.]+ ms/m);
  assert.equal(status, 0);
  const all = JSON.parse(npx(QUERY, '--tools', 'tools.json', '--all').stdout);
  assert.ok(all.calls[0].confidence > 0 && all.usage.promptTokens > 0);
  const needle = npx(QUERY, '--tools', 'tools.json', '--model', join(ROOT, 'tests/golden/needle1/plain'), '--numeric', 'exact');
  assert.ok(Array.isArray(JSON.parse(needle.stdout)), needle.stderr);
  assert.equal(JSON.parse(npx(QUERY, '--tools', '-', '--openai').stdout).finish_reason, 'tool_calls');
  const bad = [[[QUERY], 'E_OPTION'], [[QUERY, '--tools', 'missing.json'], 'E_OPTION'], [['', '--tools', 'tools.json'], 'E_QUERY'], [[QUERY, '--tools', 'package.json'], 'E_TOOLS'], [[QUERY, '--tools', 'app.js'], 'E_JSON'], [[QUERY, '--tools', 'tools.json', '--model', 'nowhere'], 'E_FETCH'], [[QUERY, '--tools', 'tools.json', '--model', '.'], 'E_OPTION'], [[QUERY, '--tools', 'tools.json', '--grammar', 'x'], 'E_OPTION'], [[QUERY, '--tools', 'tools.json', '--max-calls', '99'], 'E_OPTION'], [['--bogus'], 'E_OPTION']];
  for (const [args, code] of bad) {
    const { status, stdout, stderr } = npx(...args);
    assert.equal(status, 1, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`^error ${code}: `, 'm'));
  }
  assert.match(npx('--help').stdout, /usage: thimble/);
  assert.match(npx('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});
