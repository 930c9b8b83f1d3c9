// node tests/bench.js     (make bench)
//
// Speeds as ratios in one run, medians: this commit's native kernels against plain C, against the commit before, and the wasm
// engines in Node against the native program; for the embedded model and for random weights of Needle 1's published shape.
// Nothing here passes or fails: other work on the machine moves every figure. n is printed beside each.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRouter } from '../dist/node.js';
import { publishedVocabulary, publishedWeights } from './js/needle-model.js';
import { instance } from './js/raw.js';

const ROUNDS = 31, OPENINGS = 9;
const ROUTE = { maxTokens: 24 };          // Needle 1 with random weights would not stop by itself
const REQUEST = 'make it 21 in the nursery and play Clair de Lune';
const tools = JSON.parse(readFileSync('tests/data/home.json', 'utf8'));

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });

/** Rows of `thimble bench`: { kernels: { encode, step } }, milliseconds at 150 tokens. */
function native(program, model) {
  const rows = {};
  for (const line of run(program, 'bench', '--model', model).split('\n')) {
    const m = /^(\w+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+\d+\s+encoder/.exec(line);
    if (m) rows[m[1]] = { load: +m[2], encode: +m[4], step: +m[7] };
  }
  return rows;
}

/** The program of the commit before, built in build/previous; null without one. */
function previous() {
  try {
    rmSync('build/previous', { recursive: true, force: true });
    mkdirSync('build/previous', { recursive: true });
    execFileSync('sh', ['-c', 'git archive HEAD^ | tar -x -C build/previous && make -s -C build/previous build/thimble'], { stdio: 'ignore' });
    return 'build/previous/build/thimble';
  } catch {
    return null;
  }
}

function printNative(title, model, before) {
  const now = native('build/thimble', model);
  let old = {};
  try {
    if (before) old = native(before, model);
  } catch { /* the commit before could not do this */ }
  console.log(`\n${title}: native, ms (n 15), 150 tokens`);
  console.log('kernels      load  encode/token      step   against plain C      against the commit before');
  for (const [name, row] of Object.entries(now)) {
    const ratio = (a, b, key) => (a?.[key] && b?.[key] ? `x${(a[key] / b[key]).toFixed(2)}` : '-');
    console.log(`${name.padEnd(9)} ${row.load.toFixed(2).padStart(7)} ${row.encode.toFixed(4).padStart(13)} ${row.step.toFixed(4).padStart(9)}   `
      + `encode ${ratio(now.c, row, 'encode')}, step ${ratio(now.c, row, 'step')}`.padEnd(28)
      + ` encode ${ratio(old[name], row, 'encode')}, step ${ratio(old[name], row, 'step')}`);
  }
  return now;
}

/** Milliseconds from weights in the engine's memory to a ready model: the median over fresh instances of a compiled module. */
async function opening(module, folder) {
  const files = [folder === 'models/tiny' ? 'model.safetensors' : 'needle.safetensors', 'vocab.txt'].map((name) => readFileSync(`${folder}/${name}`));
  const times = [];
  for (let i = 0; i < OPENINGS; i++) {
    const { exports, put, check } = await instance(module);
    const [weights, vocabulary] = files.map(put);
    const begun = performance.now();
    check(exports.thimble_open(weights, files[0].length, vocabulary, files[1].length, 0, 0));
    times.push(performance.now() - begun);
  }
  return median(times);
}

/** One engine in this process. Returns medians: ms of a cold and of a prepared route, ms per encoder token and decoder step. */
async function wasm(name, file, folder, options, request, list) {
  const open = await opening(await WebAssembly.compile(readFileSync(`dist/${file}`)), folder);
  const started = performance.now();
  const router = await createRouter({ worker: false, ...options });
  const load = performance.now() - started;
  const prepared = await router.prepare(list);
  const times = { cold: [], warm: [], token: [], step: [] };
  let tokens = 0;
  for (let i = 0; i < ROUNDS; i++) {
    let begun = performance.now();
    const fresh = await router.prepare(list);
    await router.route(request, fresh, ROUTE);
    times.cold.push(performance.now() - begun);
    await fresh.dispose();
    begun = performance.now();
    const { usage, timings } = await router.route(request, prepared, ROUTE);
    times.warm.push(performance.now() - begun);
    tokens = usage.promptTokens;
    times.token.push(timings.prefillMs / tokens);
    times.step.push(timings.decodeMs / Math.max(1, usage.outputTokens));
  }
  const memory = router.info.memoryBytes;
  await router.dispose();
  const [cold, warm, token, step] = Object.values(times).map(median);
  console.log(`${name.padEnd(24)} ${load.toFixed(1).padStart(6)} ${open.toFixed(1).padStart(6)} ${cold.toFixed(2).padStart(8)} ${warm.toFixed(2).padStart(8)} ${token.toFixed(4).padStart(10)} ${step.toFixed(4).padStart(8)}`
    + ` ${(memory / 2 ** 20).toFixed(1).padStart(7)} ${String(tokens).padStart(7)}`);
}

/** Both builds, as far as this runtime has them. */
async function engines(title, module, folder, options, request, list) {
  console.log(`\n${title}, wasm in Node ${process.versions.node}, ms (n ${ROUNDS})\nengine                     load   open     cold prepared  per token per step     MiB  tokens`);
  await wasm('simd128', `${module}.wasm`, folder, { ...options, simd: 'baseline' }, request, list);
  await wasm('relaxed SIMD', `${module}-relaxed.wasm`, folder, { ...options, simd: 'relaxed' }, request, list).catch((error) => console.log(`relaxed SIMD             ${error.message}`));
}

/** A file of Needle 1's published shape with random weights. */
function needleFolder() {
  const folder = 'build/bench/needle1';
  if (!existsSync(`${folder}/needle.safetensors`)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/vocab.txt`, publishedVocabulary());
    writeFileSync(`${folder}/needle.safetensors`, publishedWeights());
  }
  return folder;
}

const before = previous();
printNative('Embedded model', 'models/tiny', before);
console.log(run('build/thimble', 'bench').split('\n').find((line) => line.startsWith('route')));
await engines('Embedded model', 'engine', 'models/tiny', {}, REQUEST, tools);
const needle = needleFolder();
printNative("Needle 1's shape, random weights", needle, before);
// About 150 tokens with the vocabulary made up here.
await engines("Needle 1's shape, random weights", 'needle', needle, { weights: `${needle}/needle.safetensors`, grammar: 'needle1' }, 'play Clair de Lune', JSON.stringify([{ name: 'play_music', description: 'Play a song, an album or an artist on the speakers of a room, at once or after what is playing now', parameters: { title: { type: 'string', description: 'What to play' }, room: { type: 'string' } } }]));
