/** Lists above 12 tools are narrowed before deciding: the order must not matter, and nothing may get lost. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dist, QUERY, ROOT, TOOLS } from '../helpers.js';

const { createRouter } = await import(dist('node.js'));
const { tools, requests } = JSON.parse(readFileSync(join(ROOT, 'models/data/dev/long_list.json'), 'utf8'));
const router = await createRouter();
after(() => router.dispose());

const outcome = ({ calls, abstained, incomplete, confidence }) => ({ calls, abstained, incomplete, confidence });

test('200 tools: the order does not change answers, ranks or confidences', async () => {
  const forth = await router.prepare(tools);
  const back = await router.prepare(tools.toReversed());
  let called = 0;
  for (const { query } of requests.slice(0, 40)) {
    const answer = await router.route(query, forth);
    assert.deepEqual(outcome(await router.route(query, back)), outcome(answer));
    assert.deepEqual(await router.retrieve(query, back, { limit: 10 }), await router.retrieve(query, forth, { limit: 10 }));
    called += answer.calls.length > 0;
  }
  assert.ok(called > 10, `${called} of 40 requests led to calls`);
});

test('retrieve() ranks every tool once; saved lists rank alike', async () => {
  const list = await router.prepare(tools);
  const ranked = await router.retrieve(QUERY, list, { limit: tools.length });
  assert.deepEqual(ranked.tools.map((t) => t.name).sort(), tools.map((t) => t.name).sort());
  const scores = ranked.tools.map((t) => t.score);
  assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
  assert.ok(scores.reduce((a, b) => a + b) <= 1.001);
  const again = await router.prepare(await list.toBytes());
  assert.deepEqual(await router.retrieve(QUERY, again, { limit: 5 }), { tools: ranked.tools.slice(0, 5) });
});

test('a tool chosen by name is called out of a long list', async () => {
  const { calls } = await router.route(QUERY, [...tools, ...TOOLS], { toolChoice: { name: 'set_thermostat' } });
  assert.deepEqual(calls.map((c) => [c.name, c.arguments]), [['set_thermostat', { room: 'nursery', temperature: 21 }]]);
});
