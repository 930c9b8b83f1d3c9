/** The demo's server, and the text tools of its editor. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { lineOfError, linesOf, pretty } from '../../web-demo/json-text.js';
import { startDemo } from './helpers.js';

let demo;
before(async () => (demo = await startDemo()));
after(() => demo.stop());

/** As typed: fetch() would tidy `..` away. */
function get(path, { method = 'GET', headers = {} } = {}) {
  const { hostname, port } = new URL(demo.url);
  return new Promise((done, fail) => request({ hostname, port, path, method, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('end', () => done({ status: response.statusCode, headers: response.headers, text }));
  }).on('error', fail).end());
}

test('it serves the page and the package, with one policy', async () => {
  for (const [path, type] of [['/', 'text/html'], ['/app.js', 'text/javascript'], ['/dist/browser.js', 'text/javascript'], ['/dist/engine.wasm', 'application/wasm'], ['/manifest.webmanifest', 'application/manifest+json']]) {
    const { status, headers } = await get(path, { method: 'HEAD' });
    assert.equal(status, 200, path);
    assert.ok(headers['content-type'].startsWith(type), path);
    assert.match(headers['content-security-policy'], /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe-inline|'unsafe-eval'/);
  }
});

test('it serves nothing else', async () => {
  for (const path of ['/../package.json', '/dist/../../package.json', '/%2e%2e/package.json', '/dist/..%2f..%2fpackage.json', '/dist', '/nothing.js', '/app.js%00.html', '/README.md']) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await get('/%zz')).status, 400);
  assert.equal((await get('/', { method: 'POST' })).status, 405);
});

test('an unchanged file is not sent twice', async () => {
  const { headers } = await get('/app.js');
  const again = await get('/app.js', { headers: { 'if-none-match': headers.etag } });
  assert.equal(again.status, 304);
  assert.equal(again.text, '');
});

test('linesOf knows where every value stands', () => {
  const text = '[\n  {"a": [1,\n 2], "b/c": {"d": "x,]\\"}"},\n\n  "e": null}\n]';
  assert.deepEqual(Object.fromEntries(linesOf(text)), { '': 1, '/0': 2, '/0/a': 2, '/0/a/0': 2, '/0/a/1': 3, '/0/b~1c': 3, '/0/b~1c/d': 3, '/0/e': 5 });
});

test('pretty is the same JSON, in short lines', () => {
  const value = [{ name: 'a', list: ['x', { y: [1, 2, 3] }], long: 'z'.repeat(90), none: null, empty: {}, deep: { one: 'o'.repeat(30), two: 't'.repeat(30) } }];
  const text = pretty(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.ok(text.split('\n').filter((line) => !line.includes('zzz')).every((line) => line.length <= 73));
});

test('errors are found in every dialect', () => {
  const flat = [{ name: 'a' }, { name: 'b', parameters: { type: 'object', properties: { y: { type: 'strin' } } } }];
  const message = 'E_SCHEMA: tool "b": type "strin" is not supported at /parameters/properties/y';
  const lineWith = (text, part) => text.split('\n').findIndex((line) => line.includes(part)) + 1;
  for (const tools of [flat, flat.map((tool) => ({ type: 'function', function: tool })), flat.map(({ name, parameters }) => ({ name, inputSchema: parameters })), { a: {}, b: flat[1] }]) {
    const text = JSON.stringify(tools, null, 2);
    assert.equal(lineOfError(text, { code: 'E_SCHEMA', message }), lineWith(text, '"y"'));
  }
  assert.equal(lineOfError('[\n{"name":"a"},\n{"name":"a"}]', { code: 'E_TOOLS', message: 'E_TOOLS: two tools are called "a"' }), 3);
  assert.equal(lineOfError('[\n{', { code: 'E_JSON', message: 'E_JSON: JSON: a key in quotes expected at line 2, column 2' }), 2);
  assert.equal(lineOfError('[1]', { code: 'E_TOOLS', message: 'E_TOOLS: tool 0 has no usable name (1 to 128 bytes)' }), 1);
});
