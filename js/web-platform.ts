/** Where the engine runs in a web context. The `new URL('./file', import.meta.url)` literals are what bundlers look for. */
import { page } from './page-platform.js';
import { embeddedParts, type Platform } from './platform.js';

export const web: Omit<Platform, 'spawn' | 'workerByDefault'> = {
  ...page,
  embedded: () => embeddedParts({
    'model.bin': new URL('./model.bin', import.meta.url).href,
    'vocab.txt': new URL('./vocab.txt', import.meta.url).href,
  }),
  engine: (simd, needle) => (needle
    ? simd === 'relaxed' ? new URL('./needle-relaxed.wasm', import.meta.url) : new URL('./needle.wasm', import.meta.url)
    : simd === 'relaxed' ? new URL('./engine-relaxed.wasm', import.meta.url) : new URL('./engine.wasm', import.meta.url)).href,
};
