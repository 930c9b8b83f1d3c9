/** The API in Node, in the calling thread and in a worker thread: the same promises must hold in both. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { dist, QUERY, read, TOOLS } from '../helpers.js';

const { createRouter, RouterError } = await import(dist('node.js'));
/** A router that is disposed after the test. */
async function open(t, options) {
  const router = await createRouter(options);
  t.after(() => router.dispose());
  return router;
}
const rejects = (promise, code) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof RouterError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
});

for (const worker of [false, true]) {
  const where = worker ? 'worker thread' : 'calling thread';

  test(`${where}: a request becomes a call`, async (t) => {
    const router = await open(t, { worker });
    const result = await router.route(QUERY, TOOLS);
    assert.deepEqual(result.calls.map((c) => [c.name, c.arguments]), [['set_thermostat', { room: 'nursery', temperature: 21 }]]);
    assert.equal(result.abstained, false);
    assert.equal(result.stop, 'end');
    const room = result.calls[0].details.find((d) => d.path[0] === 'room');
    assert.equal(QUERY.slice(...room.span), 'nursery');
    assert.ok(result.confidence > 0 && result.confidence <= 1);
    assert.ok(result.usage.promptTokens > 5 && result.usage.outputTokens >= result.usage.forcedTokens);
    assert.ok(result.timings.prefillMs > 0 && result.timings.decodeMs > 0);
    const { info } = router;
    assert.equal(info.format, 'thimble1');
    assert.ok(info.memoryBytes > 4e6 && info.memoryBytes < 40e6, `${info.memoryBytes}`);
  });

  test(`${where}: the same input gives the same bytes, prepared, loaded, in any order of tools`, async (t) => {
    const router = await open(t, { worker });
    const strip = ({ timings, ...rest }) => JSON.stringify(rest);
    const plain = strip(await router.route(QUERY, TOOLS));
    const prepared = await router.prepare(TOOLS);
    assert.equal(prepared.count, 3);
    assert.equal(strip(await router.route(QUERY, prepared)), plain);
    const bytes = await prepared.toBytes();
    await prepared.dispose();
    await rejects(router.route(QUERY, prepared), 'E_DISPOSED');
    const loaded = await router.prepare(bytes);
    assert.equal(strip(await router.route(QUERY, loaded)), plain);
    assert.equal(strip(await router.route(QUERY, [...TOOLS].reverse())), plain);
    assert.equal(strip(await router.route(QUERY, JSON.stringify(TOOLS))), plain);
    const damaged = bytes.slice();
    damaged[bytes.length >> 1] ^= 1;
    await rejects(router.prepare(damaged), 'E_FORMAT');
    await rejects(router.prepare(bytes.slice(0, 100)), 'E_FORMAT');
  });

  test(`${where}: spans are string indices, also behind characters of two, three and four bytes`, async (t) => {
    const router = await open(t, { worker });
    for (const before of ['héllo ', '„Grüezi“ ', '🎉🎉 ']) {
      const query = `${before}set the nursery to 21 degrees`;
      for (const call of (await router.route(query, TOOLS)).calls) {
        for (const detail of call.details) {
          const value = detail.path.reduce((v, key) => v[key], call.arguments);
          if (typeof value === 'string' && detail.span) assert.equal(query.slice(...detail.span), value);
        }
      }
    }
  });

  test(`${where}: calls queue and answer in order`, async (t) => {
    const router = await open(t, { worker });
    const order = [];
    await Promise.all(Array.from({ length: 20 }, (_, i) => router.route(`${QUERY} ${i}`, TOOLS).then(() => order.push(i))));
    assert.deepEqual(order, Array.from({ length: 20 }, (_, i) => i));
  });

  test(`${where}: tools are read when route() is called, not when its turn comes`, async (t) => {
    const router = await open(t, { worker });
    const tools = structuredClone(TOOLS);
    const waiting = [router.route(QUERY, tools), router.route(QUERY, tools)];
    tools.length = 0;
    for (const result of await Promise.all(waiting)) assert.equal(result.calls.length, 1);
  });

  test(`${where}: an aborted call rejects, the others go on`, async (t) => {
    const router = await open(t, { worker });
    const controller = new AbortController();
    const calls = [router.route(QUERY, TOOLS), router.route(QUERY, TOOLS, { signal: controller.signal }), router.route(QUERY, TOOLS)];
    controller.abort();
    const settled = await Promise.allSettled(calls);
    assert.deepEqual(settled.map((s) => s.status), ['fulfilled', 'rejected', 'fulfilled']);
    assert.equal(settled[1].reason.name, 'AbortError');
    await assert.rejects(router.route(QUERY, TOOLS, { signal: AbortSignal.abort(new Error('mine')) }), { message: 'mine' });
  });

  test(`${where}: dispose rejects what waits and what comes, and can be repeated`, async (t) => {
    const router = await createRouter({ worker });
    const waiting = [1, 2, 3].map(() => router.route(QUERY, TOOLS));
    const results = Promise.allSettled(waiting);
    await router.dispose();
    await router.dispose();
    const statuses = (await results).map((s) => s.reason?.code ?? s.status);
    assert.ok(statuses.includes('E_DISPOSED'), statuses.join());
    await rejects(router.route(QUERY, TOOLS), 'E_DISPOSED');
  });

  test(`${where}: toolChoice and maxCalls`, async (t) => {
    const router = await open(t, { worker });
    const none = await router.route(QUERY, TOOLS, { toolChoice: 'none' });
    assert.deepEqual([none.calls, none.abstained], [[], true]);
    const named = await router.route('play Clair de Lune', TOOLS, { toolChoice: { name: 'play_music' } });
    assert.deepEqual(named.calls.map((c) => c.name), ['play_music']);
    const openai = await router.route('play Clair de Lune', TOOLS, { toolChoice: { type: 'function', function: { name: 'play_music' } } });
    assert.deepEqual(openai.calls, named.calls);
    const many = await router.route('turn on the lights in the kitchen and play Clair de Lune', TOOLS, { maxCalls: 1 });
    assert.ok(many.calls.length <= 1);
    for (const options of [{ maxCalls: 0 }, { maxCalls: 9 }, { maxCalls: 1.5 }, { toolChoice: 'maybe' }, { toolChoice: { name: 'nobody' } }, { schema: 'loose' }]) {
      await rejects(router.route(QUERY, TOOLS, options), 'E_OPTION');
    }
  });

  test(`${where}: minConfidence leaves out an answer that is less sure`, async (t) => {
    const router = await open(t, { worker });
    const every = await router.route(QUERY, TOOLS, { minConfidence: 0 });
    assert.equal(every.calls.length, 1);
    const { calls, abstained, confidence } = await router.route(QUERY, TOOLS, { minConfidence: 1 });
    assert.deepEqual([calls, abstained, confidence], [[], true, every.confidence]);
    const required = await router.route(QUERY, TOOLS, { minConfidence: 1, toolChoice: 'required' });
    assert.deepEqual(required.calls.map((c) => c.name), every.calls.map((c) => c.name));
    for (const minConfidence of [-0.1, 1.1, NaN, 'high']) await rejects(router.route(QUERY, TOOLS, { minConfidence }), 'E_OPTION');
  });

  test(`${where}: retrieve ranks`, async (t) => {
    const router = await open(t, { worker });
    const { tools } = await router.retrieve(QUERY, TOOLS, { limit: 2 });
    assert.equal(tools.length, 2);
    assert.equal(tools[0].name, 'set_thermostat');
    assert.ok(tools[0].score >= tools[1].score);
  });
}

test('every dialect of tools gives the same calls', async (t) => {
  const router = await open(t);
  const flat = TOOLS.map(({ name, description, parameters }) => ({ name, description, parameters }));
  const dialects = {
    openai: flat.map((tool) => ({ type: 'function', function: { ...tool, strict: true } })),
    responses: flat.map((tool) => ({ type: 'function', strict: true, ...tool })),
    mcp: flat.map(({ name, description, parameters }) => ({ name, title: name, description, inputSchema: parameters, annotations: { readOnlyHint: true } })),
    promptApi: flat.map(({ name, description, parameters }) => ({ name, description, inputSchema: parameters, execute() {} })),
    anthropic: flat.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
    aiSdk: Object.fromEntries(flat.map(({ name, description, parameters }) => [name, { description, inputSchema: { jsonSchema: parameters, validate() {} }, execute() {} }])),
    langchain: flat.map(({ name, description, parameters }) => ({ name, description, schema: parameters, lc_namespace: ['tools'], invoke() {} })),
    standard: flat.map(({ name, description, parameters }) => ({ name, description, inputSchema: { '~standard': { jsonSchema: { input: () => parameters } } } })),
    method: flat.map(({ name, description, parameters }) => ({ name, description, parameters: { toJSONSchema: () => parameters } })),
  };
  const { calls } = await router.route(QUERY, flat);
  assert.equal(calls.length, 1);
  for (const [name, tools] of Object.entries(dialects)) {
    assert.deepEqual((await router.route(QUERY, tools)).calls, calls, name);
  }
});

test('names come back byte for byte', async (t) => {
  const router = await open(t);
  for (const name of ['setThermostat', 'set-thermostat', 'home.thermostat.set', 'SET_THERMOSTAT', 'thermostat/réglage']) {
    const tools = [{ ...TOOLS[0], name }];
    const { calls } = await router.route(QUERY, tools, { toolChoice: { name } });
    assert.deepEqual(calls.map((c) => c.name), [name]);
  }
});

test('too many waiting calls are E_BUSY', async (t) => {
  const router = await open(t, { maxQueue: 3 });
  const calls = await Promise.allSettled(Array.from({ length: 8 }, () => router.route(QUERY, TOOLS)));
  const codes = calls.map((c) => c.reason?.code);
  assert.ok(codes.filter((c) => c === 'E_BUSY').length >= 4, codes.join());
  assert.equal(codes[0], undefined);
});

test('prepared tools are released also while too many calls wait', async (t) => {
  const router = await open(t, { maxQueue: 2 });
  const prepared = await router.prepare(TOOLS);
  const waiting = [router.route(QUERY, TOOLS), router.route(QUERY, TOOLS)];
  await rejects(router.route(QUERY, TOOLS), 'E_BUSY');
  await prepared.dispose();
  await Promise.all(waiting);
  await rejects(router.route(QUERY, prepared), 'E_DISPOSED');
});

/** A worker of which every message passes through `relay(message, deliver)` on its way to the caller. */
async function relayed(relay) {
  const { MessageChannel, Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL(dist('node-worker.js')));
  worker.unref();
  const postMessage = ({ thimble: outer }) => {
    const { port1: inner, port2 } = new MessageChannel();
    outer.on('message', (message) => inner.postMessage(message));
    inner.on('message', (message) => relay(message, () => outer.postMessage(message)));
    outer.on('close', () => inner.close());
    worker.postMessage({ thimble: port2 }, [port2]);
  };
  return { postMessage, on() {} };
}

test('a list whose prepare() was aborted too late for the worker does not stay in its memory', async (t) => {
  let abort = null;
  const worker = await relayed((message, deliver) => {
    abort?.(); // the worker has answered, the caller does not know yet
    deliver();
  });
  const router = await open(t, { worker });
  const memory = async () => {
    await router.route(QUERY, TOOLS);
    return router.info.memoryBytes;
  };
  const before = await memory();
  for (let i = 0; i < 40; i++) {
    const controller = new AbortController();
    abort = () => controller.abort();
    await assert.rejects(router.prepare(TOOLS, { signal: controller.signal }), { name: 'AbortError' });
    abort = null;
  }
  const after = await memory();
  assert.ok(after - before <= 2 << 20, `${before} -> ${after}`);
});

test('prepared tools of another router are refused', async (t) => {
  const a = await open(t);
  const b = await open(t);
  await rejects(b.route(QUERY, await a.prepare(TOOLS)), 'E_TOOLS');
});

/** Makes the next call of an export of every engine created from now on trap for real, in wasm. */
function trapOnce(t, name) {
  const instantiate = WebAssembly.instantiate;
  let armed = true;
  t.mock.method(WebAssembly, 'instantiate', async (...args) => {
    const { exports } = await instantiate(...args);
    const trapping = (...values) => {
      if (!armed) return exports[name](...values);
      armed = false;
      return exports.thimble_sha256_update(0x7ffffff0, 64); // beyond the memory
    };
    return { exports: { ...exports, [name]: trapping } };
  });
}

test('a trap rejects its call with E_INTERNAL; the next one gets a fresh instance', async (t) => {
  trapOnce(t, 'thimble_decode');
  const router = await open(t);
  const prepared = await router.prepare(TOOLS);
  const [hit, next] = await Promise.allSettled([router.route(QUERY, prepared), router.route(QUERY, prepared)]);
  assert.equal(hit.reason.code, 'E_INTERNAL');
  assert.match(hit.reason.message, /the engine stopped: .*fresh instance/);
  assert.ok(hit.reason.cause instanceof WebAssembly.RuntimeError);
  assert.deepEqual(next.value.calls[0].arguments, { room: 'nursery', temperature: 21 });
  assert.equal((await router.route(QUERY, TOOLS)).calls.length, 1);
});

test('a worker does not keep the process alive, a call in it does', () => {
  const script = `
    import { createRouter } from ${JSON.stringify(dist('node.js'))};
    const router = await createRouter({ worker: true });
    router.route(${JSON.stringify(QUERY)}, ${JSON.stringify(TOOLS)}).then((r) => console.log(r.calls[0].name));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000 });
  assert.equal(out, 'set_thermostat\n');
});

test('an own worker serves several routers', async () => {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(new URL(dist('node-worker.js')));
  const routers = await Promise.all([createRouter({ worker }), createRouter({ worker })]);
  for (const router of routers) assert.equal((await router.route(QUERY, TOOLS)).calls.length, 1);
  await routers[0].dispose();
  assert.equal((await routers[1].route(QUERY, TOOLS)).calls.length, 1);
  await routers[1].dispose();
  await worker.terminate();
});

test('memory: weights and 12 MB for a router in use, and bounded over many requests and lists', async (t) => {
  const router = await open(t);
  for (let i = 0; i < 5; i++) await router.route(`${QUERY} ${i}`, TOOLS);
  assert.ok(router.info.memoryBytes <= read('model.bin').length + (12 << 20), `${router.info.memoryBytes} bytes of memory`);
  for (let i = 0; i < 5; i++) await router.route(QUERY, [{ ...TOOLS[0], name: `first_${i}` }, ...TOOLS]);
  const before = router.info.memoryBytes;
  for (let i = 0; i < 60; i++) {
    await router.route(`${QUERY} ${i}`, [{ ...TOOLS[0], name: `tool_${i}` }, ...TOOLS]);
    const prepared = await router.prepare(TOOLS);
    await prepared.dispose();
  }
  assert.ok(router.info.memoryBytes - before <= 2 << 20, `${before} -> ${router.info.memoryBytes}`);
});
