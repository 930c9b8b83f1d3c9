/** Answers of the native program to a sample of the dev sets, for comparison with the wasm engines. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './helpers.js';
import { sample } from './raw.js';

const PROGRAM = join(ROOT, 'build/thimble');
const DEV = join(ROOT, 'models/data/dev');

/** Why there is nothing to compare with, or false. */
export const cannotCompare = existsSync(PROGRAM) ? false : 'build/thimble is not built (make)';

export function examples(count) {
  return sample(readdirSync(DEV).filter((n) => n.endsWith('.jsonl')).sort().map((n) => readFileSync(join(DEV, n), 'utf8')), count);
}

/** Answers as the native engine writes them, without the parts that `batch` adds; errors as their message. */
export function nativeAnswers(list) {
  const input = list.map((e) => JSON.stringify(e)).join('\n');
  const out = execFileSync(PROGRAM, ['batch', '--model', join(ROOT, 'models/tiny')], { input, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] });
  return out.trim().split('\n').map((line, id) => {
    const { error } = JSON.parse(line);
    return error ? error.message : line.replace(`{"id":${id},`, '{').replace(/,"ms":\{[^{}]*\}/, '');
  });
}
