/** The wasm module: which build, from where, and what went wrong if it does not compile. */
import { RouterError } from './errors.js';
import { ENGINES, cacheKey, type Platform } from './platform.js';
import type { Plan } from './options.js';
import type { CacheLike, ManifestFile } from './types.js';
import { PAGE_HINT, fetchBytes } from './transfer.js';

/** Modules of one function that only validates with the instructions in question. */
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
const SIMD_PROBE = new Uint8Array([...HEAD, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);
const RELAXED_PROBE = new Uint8Array([...HEAD, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11]);

/** The build to use here: relaxed where the runtime validates it, if the caller leaves it open. */
export function chooseSimd(wanted: Plan['simd']): 'baseline' | 'relaxed' {
  if (!WebAssembly.validate(SIMD_PROBE)) {
    throw new RouterError('E_SIMD', 'this runtime has no WebAssembly SIMD; Chrome 91, Firefox 89, Safari 16.4 or Node 16.4 and later have it.');
  }
  const relaxed = wanted !== 'baseline' && WebAssembly.validate(RELAXED_PROBE);
  if (wanted === 'relaxed' && !relaxed) {
    throw new RouterError('E_SIMD', "this runtime has no relaxed SIMD (Chrome 114, Firefox 145, Node 21 and later have it); use simd: 'auto'.");
  }
  return relaxed ? 'relaxed' : 'baseline';
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

async function compileBytes(bytes: Uint8Array<ArrayBuffer>, url: string): Promise<WebAssembly.Module> {
  if (hex(bytes.subarray(0, 4)) !== '0061736d') {
    const html = bytes[0] === 0x3c;
    throw new RouterError('E_NOT_WASM', `${url} ${html ? 'returned HTML' : 'is not WebAssembly'} (it starts with ${hex(bytes.subarray(0, 4)) || 'nothing'}).`,
      { url, hint: html ? PAGE_HINT : 'See "Bundlers" in js/README.md.' });
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    const text = String((cause as Error).message);
    if (/content security|unsafe-eval|blocked by csp|disallowed by embedder|code generation/i.test(text)) {
      throw new RouterError('E_WASM_BLOCKED', `the page or host forbids compiling WebAssembly (${text}).`,
        { url, cause, hint: "Add script-src 'wasm-unsafe-eval' to the Content-Security-Policy; on Cloudflare Workers import from 'thimble', so that the module is static." });
    }
    throw new RouterError('E_NOT_WASM', `${url} does not compile: ${text}.`, { url, cause, hint: 'The file is damaged or of another version; see "Bundlers" in js/README.md.' });
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', bytes); // secure contexts only
  return digest && hex(new Uint8Array(digest));
}

/** The package's own file, by way of the cache so that a second visit works offline. */
async function ownBytes(url: string, file: ManifestFile | undefined, fetcher: typeof fetch, store: CacheLike | null, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const key = file && cacheKey(file.sha256);
  const hit = key && await store?.match(key);
  if (hit) {
    const bytes = new Uint8Array(await hit.arrayBuffer().catch(() => new ArrayBuffer(0)));
    if (await sha256(bytes) === file.sha256) return bytes;
    await store!.delete(key);
  }
  let bytes = await fetchBytes(fetcher, url, 'E_NOT_WASM', { signal });
  if (!file) return bytes;
  let digest = await sha256(bytes);
  if (digest && digest !== file.sha256) { // of an earlier version, from an HTTP cache or its service worker?
    bytes = await fetchBytes(fetcher, url, 'E_NOT_WASM', { signal, cache: 'reload' }).catch(() => bytes);
    digest = await sha256(bytes);
  }
  // Another build of the engine than the manifest's may work (the ABI number decides); it is only not kept.
  if (digest === file.sha256) {
    await store?.put(cacheKey(digest), new Response(bytes, { headers: { 'content-type': 'application/wasm' } })).catch(() => {});
  }
  return bytes;
}

export interface Compiled { module: WebAssembly.Module; url: string; simd: 'baseline' | 'relaxed'; needle: boolean }

/** needle: for Needle 1's weights. */
export async function compile(made: Plan, needle: boolean, platform: Platform, fetcher: typeof fetch, store: CacheLike | null, signal?: AbortSignal): Promise<Compiled> {
  const simd = chooseSimd(made.simd);
  const source: Plan['wasm'] | string = made.wasm ?? platform.engine!(simd, needle);
  if (source instanceof WebAssembly.Module) return { module: source, url: 'the module given', simd, needle };
  if (typeof source !== 'string') {
    const bytes = new Uint8Array(await new Response(source).arrayBuffer());
    return { module: await compileBytes(bytes, 'the bytes given as wasm'), url: 'the bytes given as wasm', simd, needle };
  }
  const file = made.wasm === undefined && !(source as string).startsWith('file:') ? (needle ? ENGINES.needle1 : ENGINES)[simd] : undefined;
  const bytes = await ownBytes(source, file, fetcher, store, signal);
  return { module: await compileBytes(bytes, source), url: source, simd, needle };
}
