/** Needle 1's weights: the same tokens as the float32 reference (tests/golden/needle1), and what JavaScript adds around them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dist, QUERY, read, ROOT, TOOLS } from '../helpers.js';
import { publishedVocabulary, publishedWeights } from '../needle-model.js';
import { instance } from '../raw.js';

const { createRouter, RouterError } = await import(dist('node.js'));
const GOLDEN = join(ROOT, 'tests/golden/needle1');
const file = (...names) => join(GOLDEN, ...names);
const requests = JSON.parse(readFileSync(file('requests.json'), 'utf8'));
const golden = (model) => JSON.parse(readFileSync(file(model, 'golden.json'), 'utf8'));
const weights = (model) => file(model, 'needle.safetensors');
/** The build that createRouter() takes here. */
const BUILD = [read('needle-relaxed.wasm'), read('needle.wasm')].find((wasm) => WebAssembly.validate(wasm));
/** Choices of the reference by less than this may turn out otherwise in another order of summation. */
const NEAR_TIE = 1e-4;

const open = [];
async function router(model, options) {
  const made = await createRouter({ weights: weights(model), ...options });
  open.push(made);
  return made;
}
after(() => Promise.all(open.map((r) => r.dispose())));
const rejects = (promise, code, pattern = /./) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof RouterError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, pattern);
  return true;
});

/** Equal, or the first difference stands where the reference itself was undecided. True if equal. */
function same(got, { ids, forced, gaps }, name) {
  const at = ids.findIndex((id, i) => got[i] !== id);
  if (at < 0) {
    assert.equal(got.length, ids.length, name);
    return true;
  }
  const choice = at - forced.filter((i) => i < at).length;
  assert.ok(gaps[choice] < NEAR_TIE, `${name}: token ${at} is ${got[at]}, should be ${ids[at]}`);
  return false;
}

for (const model of ['plain', 'odd']) {
  test(`${model}: free decodes through the API, token for token and letter for letter`, async (t) => {
    const { decodes } = golden(model);
    const routes = await router(model, { numeric: 'exact', grammar: 'free' });
    assert.equal(routes.info.format, 'needle1');
    let equal = 0;
    const list = decodes.filter((d) => !d.constrained);
    for (const d of list) {
      const [query, tools] = requests[d.request];
      const result = await routes.route(query, tools, { maxTokens: d.limit });
      if (!same(result.tokens, d, `request ${d.request}`)) continue;
      assert.equal(result.text, d.text);
      assert.equal(result.stop, d.ended ? 'end' : 'length');
      equal += 1;
    }
    t.diagnostic(`${equal} of ${list.length} decodes equal, the others near-ties`);
    assert.ok(list.length >= 60 && equal >= list.length * 0.98);
  });

  test(`${model}: decodes under the original constraint, led as in the golden files`, async (t) => {
    const { decodes } = golden(model);
    const { exports, put, text, check, view } = await instance(BUILD);
    const [w, v] = [readFileSync(weights(model)), readFileSync(file(model, 'vocab.txt'))];
    check(exports.thimble_open(put(w), w.length, put(v), v.length, 1, 0));
    let equal = 0;
    const list = decodes.filter((d) => d.constrained);
    for (const d of list) {
      const [query, tools] = requests[d.request].map((s) => Buffer.from(s));
      const forced = new Int32Array(d.ids.length + 1).fill(-1);
      for (const i of d.forced) forced[i] = d.ids[i];
      const led = put(new Uint8Array(forced.buffer));
      exports.thimble_needle(1, d.limit);
      exports.thimble_force(0, 0);
      const [q, l] = [put(query), put(tools)];
      const handle = check(exports.thimble_prepare(l, tools.length, 0));
      exports.thimble_force(led, d.ids.length);
      check(exports.thimble_encode(handle, q, query.length, 0, 0, 0, 0, 0));
      check(exports.thimble_decode());
      const answer = JSON.parse(text('thimble_output'));
      exports.thimble_release(handle);
      for (const block of [led, q, l]) exports.thimble_free(block);
      equal += same(answer.tokens, d, `request ${d.request}`);
    }
    t.diagnostic(`${equal} of ${list.length} decodes equal, the others near-ties`);
    assert.ok(list.length >= 60 && equal >= list.length * 0.98);
    assert.ok(view(0, 1).buffer.byteLength < 16 << 20);
  });
}

test('strict: whatever random weights write are valid calls of the tools', async (t) => {
  const routes = await router('plain');
  const tools = [
    { name: 'set_lights', description: 'lights', parameters: { type: 'object', properties: { state: { type: 'string', enum: ['on', 'off'] }, level: { type: 'integer', minimum: 0, maximum: 9 } }, required: ['state'] } },
    { type: 'function', function: { name: 'wait', parameters: { type: 'object', properties: { really: { type: 'boolean' } }, required: ['really'] } } },
  ];
  let calls = 0;
  for (let i = 0; i < 40; i++) {
    const result = await routes.route(`request number ${i}`, tools, { maxTokens: 120 });
    assert.equal(result.abstained, result.calls.length === 0);
    assert.equal(typeof result.text, 'string');
    assert.ok(result.usage.promptTokens > 10 && result.usage.outputTokens === result.tokens.length);
    for (const { name, arguments: given, details } of result.calls) {
      calls += 1;
      assert.deepEqual(details, []);
      if (name === 'wait') assert.deepEqual(Object.keys(given).map((k) => [k, typeof given[k]]), [['really', 'boolean']]);
      else {
        assert.equal(name, 'set_lights');
        assert.ok(['on', 'off'].includes(given.state));
        for (const key of Object.keys(given)) assert.ok(['state', 'level'].includes(key));
        if ('level' in given) assert.ok(Number.isInteger(given.level) && given.level >= 0 && given.level <= 9);
      }
    }
  }
  t.diagnostic(`${calls} calls in 40 answers`);
  assert.ok(calls > 0);
});

test('in a worker, prepared, from bytes: the same answer', async () => {
  const vocabulary = readFileSync(file('plain', 'vocab.txt'));
  const here = await router('plain');
  const strip = ({ timings, ...rest }) => rest;
  const options = { maxTokens: 40 };
  const want = strip(await here.route(QUERY, TOOLS, options));
  const prepared = await here.prepare(TOOLS);
  assert.equal(prepared.count, TOOLS.length);
  assert.deepEqual(strip(await here.route(QUERY, prepared, options)), want);
  const bytes = await prepared.toBytes();
  const there = await router('plain', { worker: true, weights: readFileSync(weights('plain')), vocabulary });
  assert.deepEqual(strip(await there.route(QUERY, await there.prepare(bytes), options)), want);
  await rejects(there.prepare(new Uint8Array(99)), 'E_FORMAT', /no tool list/);
  const one = await here.route(QUERY, TOOLS, { ...options, maxCalls: 1 });
  assert.ok(one.calls.length <= 1);
});

test('a manifest names the format', async () => {
  const bytes = readFileSync(weights('plain'));
  const hash = async (b) => Buffer.from(await crypto.subtle.digest('SHA-256', b)).toString('hex');
  const vocabulary = readFileSync(file('plain', 'vocab.txt'));
  const part = async (role, url, b) => ({ role, url, bytes: b.length, sha256: await hash(b) });
  const manifest = {
    format: 'needle1', model: 'plain', license: 'MIT', totalBytes: bytes.length + vocabulary.length,
    parts: [await part('weights', weights('plain'), bytes), await part('vocabulary', file('plain', 'vocab.txt'), vocabulary)],
  };
  const events = [];
  const routes = await router('plain', { weights: manifest, onProgress: (p) => events.push(p) });
  assert.equal(routes.info.format, 'needle1');
  assert.equal(events.at(-1).loaded, manifest.totalBytes);
});

test('a header length that begins like a web page ("<") is still a header length', async () => {
  const bytes = readFileSync(weights('plain'));
  const length = Number(bytes.readBigUInt64LE(0));
  const padded = Buffer.concat([Buffer.alloc(8), bytes.subarray(8, 8 + length), Buffer.alloc((0x13c - length % 256) % 256, ' '), bytes.subarray(8 + length)]);
  padded.writeBigUInt64LE(BigInt(length + padded.length - bytes.length), 0);
  assert.equal(padded[0], 0x3c);
  const routes = await router('plain', { weights: padded, vocabulary: readFileSync(file('plain', 'vocab.txt')) });
  assert.equal(routes.info.format, 'needle1');
});

test('retrieval: the scores of the reference where the file has the head, else E_OPTION', async () => {
  await rejects((await router('plain')).retrieve(QUERY, TOOLS), 'E_OPTION', /retrieval head/);
  const routes = await router('odd', { numeric: 'exact', grammar: 'needle1' });
  let lists = 0;
  for (const [query, tools, scores] of golden('odd').retrieve) {
    const list = JSON.parse(tools.replaceAll(/NaN|-?Infinity/g, '0'));
    if (list.some((tool) => typeof (tool.name ?? tool.function?.name) !== 'string')) continue;
    const got = await routes.retrieve(query, tools, { limit: 3 });
    const best = [...scores].sort((a, b) => b - a).slice(0, 3);
    assert.equal(got.tools.length, Math.min(3, scores.length));
    got.tools.forEach((tool, i) => assert.ok(Math.abs(tool.score - best[i]) < 1e-3, `${query}: ${tool.score}, should be ${best[i]}`));
    if (scores.length) {
      const first = list[scores.indexOf(best[0])];
      assert.equal(got.tools[0].name, first.name ?? first.function.name);
    }
    lists += 1;
  }
  assert.ok(lists >= 3, `${lists} lists`);
});

test('an embedding is a unit vector whose dot products are the retrieval scores, in this thread and in a worker', async () => {
  await rejects((await router('plain')).embed(QUERY), 'E_OPTION', /retrieval head/);
  const tool = { name: 'set_alarm', description: 'Sets an alarm', parameters: { time: { type: 'string' } } };
  for (const worker of [false, true]) {
    const routes = await router('odd', { numeric: 'exact', grammar: 'needle1', worker });
    const [query, text] = [await routes.embed(QUERY), await routes.embed(JSON.stringify(tool))];
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    assert.ok(query instanceof Float32Array && Math.abs(dot(query, query) - 1) < 1e-5);
    const { tools: [{ score }] } = await routes.retrieve(QUERY, JSON.stringify([tool]));
    assert.ok(Math.abs(dot(query, text) - score) < 2e-6, `${dot(query, text)}, should be ${score}`);
    await rejects(routes.embed(''), 'E_QUERY', /empty/);
    await rejects(routes.embed(1), 'E_QUERY', /string/);
    await rejects(routes.embed(QUERY, { signal: AbortSignal.abort(new RouterError('E_OPTION', 'stopped.')) }), 'E_OPTION', /stopped/);
    await routes.dispose();
  }
});

test('what does not go with the weights is refused', async () => {
  const routes = await router('plain');
  await rejects(createRouter({ grammar: 'needle1' }), 'E_OPTION', /Needle 1/);
  await rejects((await createRouter()).embed(QUERY), 'E_OPTION', /retrieve\(\)/);
  await rejects(createRouter({ grammar: 'loose' }), 'E_OPTION', /"strict", "needle1", "free"/);
  await rejects(createRouter({ numeric: 'double' }), 'E_OPTION');
  await rejects(routes.route(QUERY, TOOLS, { toolChoice: 'required' }), 'E_OPTION', /auto/);
  await rejects(routes.route(QUERY, TOOLS, { maxTokens: 60_000 }), 'E_OPTION', /1 to/);
  await rejects(routes.route(QUERY, TOOLS, { maxTokens: 0 }), 'E_OPTION');
  await rejects(routes.route(QUERY, [{ name: 'x', parameters: { type: 'object', properties: { a: { type: 'string', contentEncoding: 'base64' } } } }]), 'E_SCHEMA', /contentEncoding/);
  await rejects(createRouter({ weights: weights('plain'), wasm: read('engine.wasm') }), 'E_FORMAT', /needle\.wasm/);
  await rejects(createRouter({ wasm: read('needle.wasm') }), 'E_FORMAT');
  await rejects(createRouter({ weights: readFileSync(weights('plain')).subarray(0, 50_000), vocabulary: readFileSync(file('plain', 'vocab.txt')) }), 'E_FORMAT');
});

test('fast gives nearly always the exact calls', async (t) => {
  const [exact, fast] = [await router('plain', { numeric: 'exact' }), await router('plain', { numeric: 'fast' })];
  let equal = 0;
  for (let i = 0; i < 40; i++) {
    const [a, b] = await Promise.all([exact, fast].map((r) => r.route(`request ${i}`, TOOLS, { maxTokens: 30 })));
    equal += JSON.stringify(a.calls) === JSON.stringify(b.calls);
  }
  t.diagnostic(`${equal} of 40 with random weights`);
});

test('the published shape: the file and 24 MiB of memory, 31 for the longest request', async (t) => {
  const file = publishedWeights();
  const begin = performance.now();
  const routes = await router('plain', { weights: file, vocabulary: publishedVocabulary() });
  t.diagnostic(`${(file.length / 1e6).toFixed(1)} MB ready after ${(performance.now() - begin).toFixed(0)} ms`);
  const extra = () => (routes.info.memoryBytes - file.length) / 2 ** 20;
  const { usage, timings } = await routes.route(`${QUERY} `.repeat(5), TOOLS, { maxTokens: 30 });
  t.diagnostic(`${usage.promptTokens} tokens encoded in ${timings.prefillMs.toFixed(0)} ms, ${extra().toFixed(1)} MiB besides the file`);
  assert.ok(usage.promptTokens > 100 && extra() <= 24, `${extra()} MiB`);
  const long = await routes.route('again '.repeat(2000), TOOLS);
  assert.equal(long.usage.promptTokens, 1024);
  t.diagnostic(`${extra().toFixed(1)} MiB with the longest`);
  assert.ok(extra() <= 31, `${extra()} MiB`);
});
