// The engine against the Python reference (tests/golden/decisions.jsonl), decision by decision, and native against wasm, byte for byte.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { createRouter } from '../dist/node.js';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const golden = read('golden/decisions.jsonl');
const dev = new Map();
for (const file of new Set(golden.map((g) => g.file))) {
  for (const row of read(`../models/data/dev/${file}`)) dev.set(`${file} ${row.id}`, row);
}
const rows = golden.map((g) => ({ golden: g, row: dev.get(`${g.file} ${g.id}`) }));

function native(...extra) {
  const input = rows.map(({ row }) => JSON.stringify({ id: row.id, query: row.query, tools: row.tools })).join('\n');
  const run = spawnSync('build/thimble', ['batch', '--decisions', ...extra], { input: `${input}\n`, maxBuffer: 1 << 28, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const answers = native();
const exact = native('--numeric', 'exact');

/** The engine's spans are bytes; the package gives indices into the string. */
function stringSpans(query, calls) {
  const bytes = Buffer.from(query);
  const index = (at) => bytes.subarray(0, at).toString().length;
  const convert = (span) => (span === null ? null : Array.isArray(span[0]) ? span.map(convert) : span.map(index));
  return calls.map((call) => ({ ...call, details: call.details.map((d) => ({ ...d, span: convert(d.span) })) }));
}

test('every decision is the reference\'s', () => {
  assert.ok(golden.length >= 500, `${golden.length} golden answers`);
  const differing = rows.filter(({ golden: g }, i) => !g.near.length && JSON.stringify(exact[i].steps) !== JSON.stringify(g.steps));
  assert.deepEqual(differing.map(({ golden: g }) => g.id), []);
  const nearTies = rows.filter(({ golden: g }) => g.near.length).length;
  assert.ok(nearTies <= golden.length / 50, `${nearTies} answers with near-ties`);
});

test('every call is the reference\'s', () => {
  rows.forEach(({ golden: g }, i) => {
    if (g.near.length) return;
    assert.deepEqual(exact[i].calls.map(({ name, arguments: a }) => ({ name, arguments: a })), g.calls, g.id);
  });
});

test('plain C kernels give the same answers as the best ones', () => {
  const plain = native('--kernels', 'c');
  plain.forEach((answer, i) => assert.deepEqual({ ...answer, ms: 0 }, { ...answers[i], ms: 0 }));
});

for (const simd of ['baseline', 'relaxed']) {
  test(`wasm (${simd}) gives the same answers as native`, async (t) => {
    let router;
    try {
      router = await createRouter({ simd });
    } catch (error) {
      if (simd === 'relaxed' && error.code === 'E_SIMD') return t.skip(error.message);
      throw error;
    }
    for (let i = 0; i < rows.length; i++) {
      const result = await router.route(rows[i].row.query, rows[i].row.tools);
      const { confidence, incomplete } = answers[i];
      const calls = stringSpans(rows[i].row.query, answers[i].calls);
      assert.deepEqual({ calls: result.calls, confidence: result.confidence, incomplete: result.incomplete }, { calls, confidence, incomplete });
    }
    await router.dispose();
  });
}
