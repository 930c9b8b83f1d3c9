/** Entry for Cloudflare Workers. Modules must be static here: the engine is imported as a WebAssembly.Module, the model
 * as data, which wrangler's default rules do (*.wasm, *.bin, *.txt).
 *
 * Call createRouter() in the first request, not in global scope, and keep the promise only if it resolved. */
import baseline from './engine.wasm';
import relaxed from './engine-relaxed.wasm';
import model from './model.bin';
import vocabulary from './vocab.txt';
import { bindHere } from './local.js';
import { utf8 } from './engine.js';
import { RouterError } from './errors.js';
import { CACHE_NAME, embeddedParts } from './platform.js';

export * from './public.js';

export const { createRouter, isCached, clearCache } = bindHere({
  resolve: (text) => new URL(text).href,
  fetch: (url, { cache, ...init } = {}) => fetch(url, init), // its fetch() knows no `cache`
  store: async () => caches.open(CACHE_NAME),
  clear: async () => void await caches.delete(CACHE_NAME),
  embedded: () => embeddedParts({ 'model.bin': model, 'vocab.txt': typeof vocabulary === 'string' ? utf8(vocabulary) as Uint8Array<ArrayBuffer> : vocabulary }),
  // A timer belongs to one request and dies with it: the queue, which serves many, must not wait for one.
  rest: async () => {},
  engine: (simd, needle) => {
    if (needle) throw new RouterError('E_OPTION', "Needle 1's weights need their engine here: import it from 'thimble/needle-relaxed.wasm' and pass it as `wasm`.");
    return simd === 'relaxed' ? relaxed : baseline;
  },
});
