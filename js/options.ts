/** Options as callers write them -> checked, with absolute URLs, and such that they can cross to a worker. */
import { RouterError } from './errors.js';
import type { Platform } from './platform.js';
import type { CacheLike, Manifest, Progress, RouterOptions, Source } from './types.js';

/** A source that can be read more than once and be posted to a worker. */
export type Fixed = string | BufferSource | Blob;

/** In the order of tb_needle_grammar. */
export const GRAMMARS = ['strict', 'needle1', 'free'] as const;

export interface Plan {
  weights?: Fixed | Manifest;
  vocabulary?: Fixed;
  wasm?: Fixed | WebAssembly.Module;
  simd: 'auto' | 'baseline' | 'relaxed';
  cache: 'auto' | 'none' | 'hook';
  verify: 'download' | 'always' | 'never';
  numeric: 'fast' | 'exact';
  grammar: (typeof GRAMMARS)[number];
  maxQueue: number;
  fetch: boolean;
}

/** What cannot be posted: it stays where the caller is. */
export interface Hooks {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  fetch?: typeof fetch | undefined;
  cache?: CacheLike | undefined;
}

export function oneOf<T>(name: string, value: T | undefined, allowed: readonly T[]): T {
  if (value === undefined) return allowed[0]!;
  if (allowed.includes(value)) return value;
  throw new RouterError('E_OPTION', `${name} is ${JSON.stringify(value)}; it can be ${allowed.map((a) => JSON.stringify(a)).join(', ')}.`);
}

/** A number in 0..1; `otherwise` when it is not given. */
export function part(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (value >= 0 && value <= 1) return value;
  throw new RouterError('E_OPTION', `${name} is ${value}; it must be a number from 0 to 1.`);
}

/** A whole number in lowest..highest; `otherwise` when it is not given. */
export function whole(name: string, value: number | undefined, lowest: number, highest: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value;
  throw new RouterError('E_OPTION', `${name} is ${value}; it must be a whole number from ${lowest} to ${highest}.`);
}

export const isManifest = (value: unknown): value is Manifest => Array.isArray((value as Manifest | undefined)?.parts);

/** One-shot sources become Blobs, which a fresh instance can read again. */
async function fix(name: string, source: Source, platform: Platform): Promise<Fixed> {
  if (typeof source === 'string' || source instanceof URL) return platform.resolve(String(source));
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source) || source instanceof Blob) return source;
  if (source instanceof ReadableStream) return new Response(source).blob();
  if (source instanceof Response) {
    if (!source.ok) throw new RouterError('E_FETCH', `${name}: the response has status ${source.status}.`, { url: source.url });
    return source.blob();
  }
  throw new RouterError('E_OPTION', `${name} must be a URL, bytes, Blob, Response or ReadableStream.`);
}

export async function plan(options: RouterOptions, platform: Platform): Promise<Plan> {
  const cache = options.cache ?? 'auto';
  const made: Plan = {
    simd: oneOf('simd', options.simd, ['auto', 'baseline', 'relaxed'] as const),
    verify: oneOf('verify', options.verify, ['download', 'always', 'never'] as const),
    cache: typeof cache === 'object' ? 'hook' : oneOf('cache', cache, ['auto', 'none'] as const),
    numeric: oneOf('numeric', options.numeric, ['fast', 'exact'] as const),
    grammar: oneOf('grammar', options.grammar, GRAMMARS),
    maxQueue: whole('maxQueue', options.maxQueue, 1, 1e9, 1000),
    fetch: !!options.fetch,
  };
  const { weights, vocabulary, wasm } = options;
  if (isManifest(weights)) {
    made.weights = { ...weights, parts: weights.parts.map((part) => ({ ...part, url: platform.resolve(part.url) })) };
  } else if (weights !== undefined) {
    made.weights = await fix('weights', weights, platform);
  }
  if (vocabulary !== undefined) made.vocabulary = await fix('vocabulary', vocabulary, platform);
  if (wasm !== undefined) made.wasm = wasm instanceof WebAssembly.Module ? wasm : await fix('wasm', wasm, platform);
  if (made.weights !== undefined && typeof made.weights !== 'string' && !isManifest(made.weights) && made.vocabulary === undefined) {
    throw new RouterError('E_OPTION', 'weights given as bytes need their vocab.txt as `vocabulary`.');
  }
  return made;
}
