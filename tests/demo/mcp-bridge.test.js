/** npx thimble mcp: a real server over stdio, and servers that misbehave. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { DIST, ROOT } from './helpers.js';

const node = (...words) => [process.execPath, ...words].map((word) => `"${word}"`).join(' ');
const NOTES = node(join(ROOT, 'web-demo/mcp-bridge/notes-server.js'));

/** Answers `initialize` and what its first argument says. */
const ODD_SERVER = `
import { createInterface } from 'node:readline';
const mode = process.argv[2];
let asked = 0;
if (mode === 'stays') setTimeout(() => {}, 15_000);
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const tool = (name, properties = {}) => ({ name, description: 'Open the garage door', inputSchema: { type: 'object', properties } });
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  const { id, method } = message;
  if (method === 'initialize') {
    send({ id, result: { protocolVersion: mode === 'revision' ? '1999-01-01' : '2025-06-18', capabilities: mode === 'toolless' ? {} : { tools: { listChanged: true } }, serverInfo: { name: 'odd', version: '1' } } });
  } else if (method === 'tools/list') {
    asked++;
    if (mode === 'ends') process.exit(3);
    if (mode === 'refuses') send({ id, error: { code: -32603, message: 'out of order' } });
    if (mode === 'endless') send({ id, result: { tools: [], nextCursor: 'more' } });
    if (mode === 'talks') process.stdout.write('Hello! I am a server.\\n');
    if (mode === 'pings') send({ id: 'p1', method: 'ping' });
    if (mode === 'asks') send({ id: 'p1', method: 'roots/list' });
    if (mode === 'talks' || mode === 'changes') send({ id, result: { tools: [tool('t' + asked)] } });
    if (mode === 'changes') send({ method: 'notifications/tools/list_changed' });
    if (mode === 'schema') send({ id, result: { tools: [tool('bad', { rows: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } } }), tool('garage')] } });
    if (mode === 'pings' || mode === 'asks') globalThis.waiting = id;
  } else if (id === 'p1') {
    send({ id: globalThis.waiting, result: { tools: [tool(message.error ? 'refused' + message.error.code : 'answered')] } });
  }
}`;

let folder;
let McpClient;
const odd = (mode) => node(join(folder, 'odd.mjs'), mode);
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thimble-mcp-'));
  writeFileSync(join(folder, 'odd.mjs'), ODD_SERVER);
  // The command has the client inside; alone it can be given less patience.
  const outfile = join(folder, 'client.mjs');
  await build({ entryPoints: [join(ROOT, 'js/mcp-client.ts')], outfile, bundle: true, format: 'esm', platform: 'node', define: { __VERSION__: '"test"' } });
  ({ McpClient } = await import(pathToFileURL(outfile)));
});
after(() => rmSync(folder, { recursive: true }));

/** Runs the command; `answers` are the lines of its output. */
function bridge(args, input = '') {
  const child = spawn(process.execPath, [join(DIST, 'cli.js'), 'mcp', ...args], { cwd: ROOT });
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => (err += data));
  child.stdin.end(input);
  return new Promise((done) => child.on('close', (status) => done({ status, err, answers: out.split('\n').filter(Boolean).map((line) => JSON.parse(line)) })));
}

test('a request becomes a call of the server, which is not made', async () => {
  const { status, answers, err } = await bridge(['--tools-from', NOTES, 'add a note saying buy milk']);
  assert.equal(status, 0, err);
  assert.equal(answers.length, 1);
  assert.equal(answers[0].calls[0].name, 'notes/add', 'the server’s own spelling');
  assert.deepEqual(answers[0].calls[0].arguments, { text: 'buy milk' });
  assert.ok(!('result' in answers[0].calls[0]));
});

test('--call makes the calls, in the same server; a tool that fails says so', async () => {
  const { status, answers, err } = await bridge(['--call', '--tools-from', NOTES], 'add a note saying buy milk\n\nshow all notes\ndelete note 7\n');
  assert.equal(status, 0, err);
  assert.deepEqual(answers.map(({ calls }) => calls[0].result.content[0].text), ['Note 1: buy milk', '1. buy milk', 'There is no note 7.']);
  assert.equal(answers[2].calls[0].result.isError, true);
});

test('what it is not sure of is not called; a line that cannot be routed does not end it', async () => {
  const { answers } = await bridge(['--call', '--sure', '1', '--tools-from', NOTES], `add a note saying buy milk\n${'a1 '.repeat(400)}\nshow all notes\n`);
  assert.equal(answers.length, 3);
  assert.match(answers[0].calls[0].skipped, /below 1/);
  assert.equal(answers[1].error.code, 'E_TOO_LONG');
  assert.ok(answers[2].calls[0].skipped);
});

test('tools that changed are read again', async () => {
  const { answers, err } = await bridge(['--tools-from', odd('changes')], 'open the garage door\nopen the garage door\n');
  assert.deepEqual(answers.map(({ calls }) => calls[0]?.name), ['t1', 't2'], err);
});

test('a tool that the engine refuses is left out by name', async () => {
  const { status, answers, err } = await bridge(['--tools-from', odd('schema'), 'open the garage door']);
  assert.equal(status, 0, err);
  assert.match(err, /left out: E_SCHEMA: tool "bad"/);
  assert.equal(answers[0].calls[0].name, 'garage');
});

test('mistakes are told with a code, and status 1', async () => {
  const mistakes = [
    [['x'], 'E_OPTION'], [['--nonsense'], 'E_OPTION'], [['--tools-from', NOTES, '--sure', '2', 'x'], 'E_OPTION'], [['--tools-from', NOTES, '--sure', '', 'x'], 'E_OPTION'],
    [['--tools-from', NOTES, ' '], 'E_QUERY'], [['--tools-from', 'no-such-command-here', 'x'], 'E_MCP_START'], [['--tools-from', odd('ends'), 'x'], 'E_MCP_START'],
    [['--tools-from', odd('revision'), 'x'], 'E_MCP_PROTOCOL'], [['--tools-from', odd('refuses'), 'x'], 'E_MCP_REMOTE'],
  ];
  for (const [args, code] of mistakes) {
    const { status, err, answers } = await bridge(args);
    assert.equal(status, 1);
    assert.match(err, new RegExp(`^error ${code}: `, 'm'));
    assert.deepEqual(answers, []);
  }
});

test('servers that misbehave get an error, not patience without end', async () => {
  const failure = async (mode) => {
    let client;
    try {
      client = await McpClient.start(odd(mode), { timeoutMs: 1500 });
      await client.listTools();
    } catch (error) {
      return error.message;
    } finally {
      await client?.close();
    }
    return null;
  };
  assert.match(await failure('revision'), /^E_MCP_PROTOCOL: .*1999-01-01/);
  assert.match(await failure('toolless'), /^E_MCP_PROTOCOL: .*no tools/);
  assert.match(await failure('refuses'), /^E_MCP_REMOTE: tools\/list: out of order \(-32603\)/);
  assert.match(await failure('ends'), /^E_MCP_START: .*status 3/);
  assert.match(await failure('silent'), /^E_MCP_TIMEOUT: no answer to tools\/list/);
  assert.match(await failure('endless'), /^E_MCP_PROTOCOL: tools\/list goes on/);
});

test('a server may ping, ask for what is not offered, say that its tools changed, and chat', async (t) => {
  const names = async (mode, options) => {
    const client = await McpClient.start(odd(mode), options);
    t.after(() => client.close());
    return (await client.listTools()).map(({ name }) => name);
  };
  assert.deepEqual(await names('pings'), ['answered']);
  assert.deepEqual(await names('asks'), ['refused-32601']);
  assert.deepEqual(await names('talks'), ['t1']);
  let changed;
  const told = new Promise((done) => (changed = done));
  assert.deepEqual(await names('changes', { onToolsChanged: changed }), ['t1']);
  await told;
});

test('a server that stays when its input ends, behind a shell, is not waited for', { timeout: 10_000 }, async () => {
  const client = await McpClient.start(`${odd('stays')}; true`);
  await client.close();
});
