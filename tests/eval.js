// node tests/eval.js DEV.jsonl... [--model DIR] [--show N] [--variant NAME]
//
// Routes every line of the dev files through the built program (build/thimble batch) and prints, per kind: how many requests got
// the right tools, and how many the exact calls, with 95 % intervals (Wilson). Also checks what the design promises of every
// answer: string arguments stand in the request, and enum values are the schema's.
//
// Variants change the tools before routing: shuffled (their order), openai (wrapped), nodesc (no descriptions), renamed
// (prefixed names). `shuffled` must give the very answers of the unchanged list.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'models/tiny' },
    show: { type: 'string', default: '0' },
    variant: { type: 'string', default: 'plain' },
    program: { type: 'string', default: 'build/thimble' },
    numeric: { type: 'string', default: 'fast' },
  },
});

const VARIANTS = {
  plain: (tools) => tools,
  shuffled: (tools) => [...tools].sort((a, b) => (hash(a.name) < hash(b.name) ? -1 : 1)),
  openai: (tools) => tools.map((tool) => ({ type: 'function', function: tool })),
  nodesc: (tools) => tools.map(({ description, ...tool }) => tool),
  renamed: (tools) => tools.map((tool) => ({ ...tool, name: `myapp_${tool.name}` })),
};

function hash(text) {
  let h = 2166136261;
  for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return h >>> 0;
}

/** Wilson's 95 % interval of hits / n, in per cent. */
function interval(hits, n) {
  const z = 1.96;
  const p = hits / n;
  const centre = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 100 / (1 + (z * z) / n);
  return [(centre - half) * scale, (centre + half) * scale];
}

/** Calls as comparable texts: keys sorted, order of the calls not judged. */
function canonical(calls) {
  const sorted = (value) =>
    Array.isArray(value) ? value.map(sorted)
    : value && typeof value === 'object'
      ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
      : value;
  return calls.map((call) => JSON.stringify([call.name, sorted(call.arguments)])).sort();
}

const same = (a, b) => a.length === b.length && a.every((text, i) => text === b[i]);

/** What must hold for every answer, right or wrong; returns the broken promises. */
function brokenPromises(row, calls) {
  const broken = [];
  const query = row.query;
  for (const call of calls) {
    const tool = row.tools.find((t) => t.name === call.name);
    if (!tool) { broken.push(`unknown tool ${call.name}`); continue; }
    const { properties = {}, required = [] } = tool.parameters ?? {};
    for (const key of required) if (!(key in call.arguments)) broken.push(`${call.name}: ${key} is missing`);
    for (const [key, value] of Object.entries(call.arguments)) {
      const schema = properties[key];
      if (!schema) { broken.push(`${call.name}: ${key} is not in the schema`); continue; }
      for (const item of Array.isArray(value) ? value : [value]) {
        const allowed = schema.enum ?? schema.items?.enum;
        if (allowed ? !allowed.includes(item) : typeof item === 'string' && !query.includes(item)) {
          broken.push(`${call.name}: ${key}=${JSON.stringify(item)} is not in the request`);
        }
      }
    }
  }
  return broken;
}

/** Whether a call has an argument that is no free text: a number, a boolean, a value of an enum, an array. */
function isTyped(row) {
  return row.calls.some((call) => {
    const { properties = {} } = row.tools.find((t) => t.name === call.name).parameters ?? {};
    return Object.keys(call.arguments).some((key) => properties[key].enum || properties[key].type !== 'string');
  });
}

async function route(rows, variant) {
  const program = spawn(options.program, ['batch', '--model', options.model, '--numeric', options.numeric], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = [];
  const reading = (async () => {
    for await (const line of createInterface({ input: program.stdout })) answers.push(JSON.parse(line));
  })();
  for (const row of rows) {
    const line = JSON.stringify({ id: row.id, query: row.query, tools: VARIANTS[variant](row.tools) });
    if (!program.stdin.write(`${line}\n`)) await new Promise((go) => program.stdin.once('drain', go));
  }
  program.stdin.end();
  await reading;
  if (answers.length !== rows.length) throw new Error(`${answers.length} answers to ${rows.length} requests`);
  return answers;
}

/** Expected calibration error over ten equal bins of confidence. */
function calibrationError(pairs) {
  const bins = Array.from({ length: 10 }, () => ({ n: 0, confidence: 0, right: 0 }));
  for (const [confidence, right] of pairs) {
    const bin = bins[Math.min(9, Math.floor(confidence * 10))];
    bin.n += 1;
    bin.confidence += confidence;
    bin.right += right;
  }
  return bins.reduce((sum, b) => sum + (b.n ? Math.abs(b.confidence - b.right) / pairs.length : 0), 0);
}

/** What abstaining below a confidence does: a line for the answer table's foot. */
function abstaining(judged, least) {
  const kept = judged.map((j) => (j.calls && j.confidence < least ? { ...j, calls: 0, exact: j.fits ? 0 : 1 } : j));
  const part = (list, test) => `${((100 * list.filter(test).length) / list.length).toFixed(1)} %`;
  return `exact ${part(kept, (j) => j.exact)}, wrong calls ${part(kept, (j) => j.calls && !j.exact)}, no call where none fits ${
    part(kept.filter((j) => !j.fits), (j) => !j.calls)}, no call where one fits ${part(kept.filter((j) => j.fits), (j) => !j.calls)}`;
}

/** How many answers are exact among those kept at or above a confidence, and how many are kept. */
function abstentionCurve(pairs) {
  return [0.25, 0.5, 0.75, 0.9].map((least) => {
    const kept = pairs.filter(([confidence]) => confidence >= least);
    const right = kept.reduce((sum, [, r]) => sum + r, 0);
    return `>= ${least}: ${(100 * right / Math.max(1, kept.length)).toFixed(0)} % of the ${(100 * kept.length / pairs.length).toFixed(0)} %`;
  }).join(', ');
}

let show = Number(options.show);
let failed = false;
for (const file of files) {
  const rows = readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const answers = await route(rows, options.variant);
  const kinds = new Map();
  const pairs = [];
  const broken = [];
  const judged = [];
  let abstained = 0;
  let withTool = 0;
  rows.forEach((row, i) => {
    const calls = answers[i].calls?.map((c) => (options.variant === 'renamed' ? { ...c, name: c.name.slice(6) } : c));
    const names = !!calls && same(calls.map((c) => c.name).sort(), row.calls.map((c) => c.name).sort());
    const exact = names && same(canonical(calls), canonical(row.calls));
    if (calls) {
      broken.push(...brokenPromises(row, calls));
      pairs.push([answers[i].confidence, exact ? 1 : 0]);
      judged.push({ confidence: answers[i].confidence, calls: calls.length, exact, fits: row.calls.length > 0 });
    }
    if (row.calls.length) {
      withTool += 1;
      abstained += calls?.length === 0 ? 1 : 0;
    }
    for (const kind of [row.kind, ...(isTyped(row) ? ['typed'] : []), 'all']) {
      const count = kinds.get(kind) ?? { n: 0, names: 0, exact: 0, errors: 0 };
      count.n += 1;
      count.names += names;
      count.exact += exact;
      count.errors += !calls;
      kinds.set(kind, count);
    }
    if (!exact && show-- > 0) {
      console.log(JSON.stringify({ kind: row.kind, query: row.query, gold: row.calls, got: calls ?? answers[i].error }));
    }
  });
  console.log(`\n${basename(file)} (${options.variant}, ${options.numeric})`);
  console.log(`${'kind'.padEnd(14)}     n  right tool            call exact`);
  for (const [kind, c] of [...kinds].sort((a, b) => (a[0] === 'all') - (b[0] === 'all') || (a[0] < b[0] ? -1 : 1))) {
    const cell = (hits) => {
      const [low, high] = interval(hits, c.n);
      return `${((100 * hits) / c.n).toFixed(1).padStart(5)} % [${low.toFixed(1)}, ${high.toFixed(1)}]`.padEnd(22);
    };
    console.log(`${kind.padEnd(14)} ${String(c.n).padStart(5)}  ${cell(c.names)}${cell(c.exact)}${c.errors ? ` ${c.errors} errors` : ''}`);
  }
  console.log(`wrongly answered with no call: ${abstained} of ${withTool} (${((100 * abstained) / withTool).toFixed(1)} %)`);
  console.log(`expected calibration error of the confidence: ${calibrationError(pairs).toFixed(3)} (n ${pairs.length})`);
  console.log(`exact, of the answers kept at a confidence: ${abstentionCurve(pairs)}`);
  for (const least of [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5]) console.log(`no call below ${least}: ${abstaining(judged, least)}`);
  console.log(`broken promises: ${broken.length}${broken.length ? `, the first: ${broken[0]}` : ''}`);
  failed ||= broken.length > 0;
}
process.exitCode = failed ? 1 : 0;
