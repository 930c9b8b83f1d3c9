// The engine against the Python reference, decision by decision (tests/golden/decisions.jsonl, models/thimble/make_decisions.py).
// That wasm and native give the same bytes is tested in tests/js.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const read = (path) => lines(readFileSync(new URL(path, import.meta.url), 'utf8'));
const golden = read('golden/decisions.jsonl');
const dev = new Map();
const long = JSON.parse(readFileSync(new URL('../models/data/dev/long_list.json', import.meta.url), 'utf8'));
long.requests.forEach(({ query }, i) => dev.set(`long_list.json ${i}`, { id: `long ${i}`, query, tools: long.tools }));
for (const file of ['heldout_domains.jsonl', 'heldout_phrasings.jsonl']) {
  for (const row of read(`../models/data/dev/${file}`)) dev.set(`${file} ${row.id}`, row);
}

function batch(...options) {
  const input = golden.map((g) => {
    const { id, query, tools } = dev.get(`${g.file} ${g.id}`);
    return `${JSON.stringify({ id, query, tools })}\n`;
  }).join('');
  const run = spawnSync('build/thimble', ['batch', '--decisions', ...options], { input, maxBuffer: 1 << 28, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return lines(run.stdout);
}

test('every decision and every call is the reference\'s', () => {
  assert.ok(golden.length >= 500, `${golden.length} golden answers`);
  const exact = batch('--numeric', 'exact');
  let nearTies = 0;
  golden.forEach((g, i) => {
    if (g.near.length) {
      nearTies += 1;
      return;
    }
    assert.deepEqual(exact[i].steps, g.steps, g.id);
    assert.deepEqual(exact[i].calls.map(({ name, arguments: a }) => ({ name, arguments: a })), g.calls, g.id);
  });
  assert.ok(nearTies <= golden.length / 50, `${nearTies} answers with near-ties`);
});

test('INT8 activations change few answers', (t) => {
  const exact = batch('--numeric', 'exact');
  const fast = batch();
  const same = fast.filter((answer, i) => JSON.stringify(answer.steps) === JSON.stringify(exact[i].steps)).length;
  t.diagnostic(`${same} of ${golden.length} the same`);
  assert.ok(same >= golden.length * 0.97);
});

test('plain C kernels give the same answers as the best ones', () => {
  const plain = batch('--kernels', 'c');
  batch().forEach((answer, i) => assert.deepEqual({ ...plain[i], ms: 0 }, { ...answer, ms: 0 }));
});
