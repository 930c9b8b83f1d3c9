/** The edge worker in real workerd, Deno and Node: 200 requests at concurrency 16, the OpenAI dialect, and every limit once. */
import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { SETS } from '../../web-demo/sets.js';
import { until } from './helpers.js';
import { startDeno, startNode, startWorkerd } from './servers.js';

const HOME = SETS.find(({ id }) => id === 'home').tools;
const OPENAI_TOOLS = HOME.map((tool) => ({ type: 'function', function: tool }));
const LIMITS = { MAX_BODY: '16000', MAX_TOOLS: '10', MAX_AT_ONCE: '32' };

let upstream;
before(async () => {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    upstream.requests.push({ authorization: request.headers.authorization, body: JSON.parse(text) });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'Forty-two.' }, finish_reason: 'stop' }] }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  upstream = { url: `http://127.0.0.1:${server.address().port}/v1/chat/completions`, requests: [], server };
});
after(() => {
  upstream.server.close();
  upstream.server.closeAllConnections();
});

async function post(base, path, body, headers = {}) {
  const begin = performance.now();
  const response = await fetch(base + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  return { status: response.status, headers: response.headers, body: type.includes('application/json') ? JSON.parse(text) : text, ms: performance.now() - begin };
}
const chat = (base, content, more = {}, headers = {}) => post(base, '/v1/chat/completions', { model: 'any', messages: [{ role: 'user', content }], tools: OPENAI_TOOLS, ...more }, headers);

/** `count` requests, `width` at a time, over all tool sets. */
async function load(base, count, width) {
  const jobs = Array.from({ length: count }, (_, i) => {
    const set = SETS[i % SETS.length];
    return { query: set.examples[Math.floor(i / SETS.length) % set.examples.length], tools: set.tools };
  });
  const answers = [];
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < count) {
      const i = next++;
      answers[i] = await post(base, '/route', jobs[i]);
    }
  }));
  return { jobs, answers };
}

/** A request whose body is half sent until finish(); `status` is a promise. */
function slowPost(base, path, body, headers) {
  const bytes = Buffer.from(JSON.stringify(body));
  const request = httpRequest(base + path, { method: 'POST', headers: { ...headers, 'content-length': bytes.length } });
  const status = new Promise((done, fail) => request.on('response', (response) => done(response.resume().statusCode)).on('error', fail));
  request.write(bytes.subarray(0, 20));
  return { finish: () => request.end(bytes.subarray(20)), status };
}

function refused(answer, status, code) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.equal(answer.body.error.code, code);
  assert.ok(answer.body.error.message.length > 10);
  assert.ok(answer.headers.get('access-control-allow-origin'), 'browsers must be able to read errors');
}

for (const [name, startServer] of [['workerd', startWorkerd], ['Deno', startDeno], ['Node', startNode]]) {
  describe(name, () => {
    let server;
    before(async () => (server = await startServer({ ...LIMITS, UPSTREAM_URL: upstream.url })));
    after(() => server?.stop());

    test('200 requests at concurrency 16: no error, equal requests have equal answers', async (t) => {
      const cold = await post(server.url, '/route', { query: 'make it 21 in the nursery', tools: HOME });
      assert.equal(cold.status, 200, JSON.stringify(cold.body));
      assert.deepEqual(cold.body.calls[0].arguments, { temperature: 21, room: 'nursery' });
      const begin = performance.now();
      const { jobs, answers } = await load(server.url, 200, 16);
      const seconds = (performance.now() - begin) / 1000;
      const seen = new Map();
      answers.forEach(({ status, body }, i) => {
        assert.equal(status, 200, JSON.stringify(body));
        const calls = JSON.stringify(body.calls);
        assert.equal(seen.get(jobs[i].query) ?? calls, calls);
        seen.set(jobs[i].query, calls);
      });
      assert.ok([...seen.values()].filter((calls) => calls !== '[]').length > seen.size / 2, 'most examples give calls');
      const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
      const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(0);
      t.diagnostic(`${name}: first ${cold.ms.toFixed(0)} ms; then 200 in ${seconds.toFixed(2)} s, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms; ${server.megabytes()?.toFixed(0)} MB resident`);
    });

    test('chat completions: tool calls, or the upstream', async () => {
      const known = await chat(server.url, 'make it 21 in the nursery');
      assert.equal(known.status, 200, JSON.stringify(known.body));
      assert.equal(known.headers.get('x-thimble-route'), 'device');
      const [choice] = known.body.choices;
      assert.equal(choice.finish_reason, 'tool_calls');
      assert.equal(choice.message.tool_calls[0].function.name, 'set_thermostat');
      assert.deepEqual(JSON.parse(choice.message.tool_calls[0].function.arguments), { temperature: 21, room: 'nursery' });

      const streamed = await chat(server.url, 'make it 21 in the nursery', { stream: true });
      const events = streamed.body.split('\n\n').filter(Boolean).map((line) => line.replace(/^data: /, ''));
      assert.equal(events.at(-1), '[DONE]');
      assert.equal(JSON.parse(events[0]).choices[0].delta.tool_calls[0].function.name, 'set_thermostat');

      const unknown = await chat(server.url, 'what is the meaning of life', {}, { authorization: 'Bearer callers-own' });
      assert.equal(unknown.headers.get('x-thimble-route'), 'upstream');
      assert.equal(unknown.body.choices[0].message.content, 'Forty-two.');
      assert.equal(upstream.requests.at(-1).authorization, 'Bearer callers-own');
      assert.equal(upstream.requests.at(-1).body.messages[0].content, 'what is the meaning of life');

      const afterTool = await chat(server.url, '', { messages: [{ role: 'user', content: 'make it 21' }, { role: 'tool', content: 'done', tool_call_id: 'x' }] });
      assert.equal(afterTool.headers.get('x-thimble-route'), 'upstream');
    });

    test('CORS, and what is here', async () => {
      const preflight = await fetch(`${server.url}/route`, { method: 'OPTIONS' });
      assert.equal(preflight.status, 204);
      assert.match(preflight.headers.get('access-control-allow-headers'), /content-type/);
      const asked = 'authorization, content-type, x-stainless-lang';
      const openai = await fetch(`${server.url}/v1/chat/completions`, { method: 'OPTIONS', headers: { 'access-control-request-headers': asked } });
      assert.equal(openai.headers.get('access-control-allow-headers'), asked);
      assert.match(openai.headers.get('access-control-expose-headers'), /x-thimble-route/);
      assert.deepEqual((await (await fetch(server.url)).json()).limits, { body: 16000, tools: 10, atOnce: 32 });
    });

    test('every limit and mistake has its error', async () => {
      const { url } = server;
      refused(await post(url, '/route', { query: 'x'.repeat(20000), tools: HOME }), 413, 'E_BODY');
      refused(await post(url, '/route', { query: 'x', tools: Array.from({ length: 11 }, (_, i) => ({ name: `t${i}` })) }), 413, 'E_TOOLS');
      refused(await post(url, '/route', { query: 'a1 '.repeat(400), tools: HOME }), 413, 'E_TOO_LONG');
      refused(await post(url, '/route', '{"query": '), 400, 'E_JSON');
      refused(await post(url, '/route', '[]'), 400, 'E_JSON');
      refused(await post(url, '/route', { tools: HOME }), 400, 'E_QUERY');
      refused(await post(url, '/route', { query: '', tools: HOME }), 400, 'E_QUERY');
      refused(await post(url, '/route', { query: 'x' }), 400, 'E_TOOLS');
      refused(await post(url, '/route', { query: 'x', tools: [{ name: 'a' }, { name: 'a' }] }), 400, 'E_TOOLS');
      refused(await post(url, '/route', { query: 'x', tools: [{ name: 'a', parameters: { type: 'object', properties: { y: { type: 'strin' } } } }] }), 400, 'E_SCHEMA');
      refused(await post(url, '/route', { query: 'x', tools: HOME, maxCalls: 99 }), 400, 'E_OPTION');
      refused(await post(url, '/nowhere', {}), 404, 'E_PATH');
      const { status, headers } = await fetch(`${url}/route`);
      assert.deepEqual([status, headers.get('allow')], [405, 'POST, OPTIONS']);
    });

    test('key, queue and rate', async () => {
      const limited = await startServer({ API_KEY: 'secret', MAX_AT_ONCE: '1', ALLOW_ORIGIN: 'https://app.example' }, 30);
      try {
        const key = { authorization: 'Bearer secret' };
        const body = { query: 'make it 21 in the nursery', tools: HOME };
        assert.equal((await post(limited.url, '/route', body, key)).status, 200);
        const slow = slowPost(limited.url, '/route', body, key);
        await new Promise((done) => setTimeout(done, 200)); // or it would be the one that is refused
        const busy = await until(() => post(limited.url, '/route', body, key), ({ status }) => status !== 200, 'a refusal while another request is half sent');
        refused(busy, 503, 'E_BUSY');
        slow.finish();
        assert.equal(await slow.status, 200);
        refused(await post(limited.url, '/route', body), 401, 'E_KEY');
        refused(await post(limited.url, '/route', body, { authorization: 'Bearer secreT' }), 401, 'E_KEY');
        refused(await chat(limited.url, 'x', { tools: [] }, key), 422, 'E_UPSTREAM');
        const alone = await chat(limited.url, 'what is the meaning of life', {}, key);
        assert.equal(alone.body.thimble.abstained, true);
        assert.equal(alone.body.choices[0].finish_reason, 'stop');
        assert.equal(alone.headers.get('access-control-allow-origin'), 'https://app.example');
        if (name === 'workerd') {
          const many = [];
          for (let i = 0; i < 30; i++) many.push(await post(limited.url, '/route', body, key));
          refused(many.at(-1), 429, 'E_RATE');
        }
      } finally {
        await limited.stop();
      }
    });
  });
}

test('a service that anyone could spend the key of refuses to run; settings are checked', async () => {
  const { createHandler } = await import('../../web-demo/edge-worker/handler.js');
  const handle = createHandler({ createRouter: () => assert.fail('no router is needed for this') });
  const ask = async (env) => (await (await handle(new Request('http://x/'), env)).json()).error;
  assert.equal((await ask({ UPSTREAM_KEY: 'k' })).code, 'E_CONFIG');
  assert.match((await ask({ MAX_BODY: 'lots' })).message, /MAX_BODY is "lots"/);
  assert.match((await ask({ SURE: '2' })).message, /SURE/);
});

test('our key is not given to the upstream', async () => {
  const { createHandler } = await import('../../web-demo/edge-worker/handler.js');
  const handle = createHandler({ createRouter: () => assert.fail('no router is needed for this') });
  const ask = (env) => handle(new Request('http://x/v1/chat/completions', { method: 'POST', headers: { authorization: 'Bearer ours' }, body: '{"messages":[{"role":"user","content":"hello"}]}' }), { API_KEY: 'ours', UPSTREAM_URL: upstream.url, ...env });
  assert.equal((await ask({})).status, 200);
  assert.equal(upstream.requests.at(-1).authorization, undefined);
  assert.equal((await ask({ UPSTREAM_KEY: 'theirs', UPSTREAM_MODEL: 'big' })).status, 200);
  assert.equal(upstream.requests.at(-1).authorization, 'Bearer theirs');
  assert.equal(upstream.requests.at(-1).body.model, 'big');
});

test('a router that failed to open is opened again', async () => {
  const { createHandler } = await import('../../web-demo/edge-worker/handler.js');
  const thimble = await import('thimble');
  let attempts = 0;
  const handle = createHandler({ createRouter: (options) => (attempts++ ? thimble.createRouter(options) : Promise.reject(new Error('first time'))) });
  const ask = () => handle(new Request('http://x/route', { method: 'POST', body: JSON.stringify({ query: 'make it 21 in the nursery', tools: HOME }) }));
  const quiet = console.error;
  console.error = () => {};
  try {
    assert.equal((await ask()).status, 500);
  } finally {
    console.error = quiet;
  }
  assert.equal((await ask()).status, 200);
});
