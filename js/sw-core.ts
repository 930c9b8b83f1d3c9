/** What a service worker does with the package's files: cache-first, verified, swept. No import.meta here: the bundled
 * script is a classic one. */
import { CACHE_NAME, cacheKey } from './platform.js';

/** URL -> SHA-256. */
export type WeightFiles = Record<string, string>;

interface FetchLike extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** The files that registerWeightsCache() put into the address of this service worker. */
export function registeredFiles(address: string): WeightFiles {
  const files: WeightFiles = {};
  for (const entry of new URL(address).searchParams.getAll('file')) {
    const space = entry.indexOf(' ');
    files[entry.slice(space + 1)] = entry.slice(0, space);
  }
  return files;
}

/** The response from the cache or else from the network, verified before it is kept. Where the cache fails, the network answers. */
async function cacheFirst(request: Request, sha256: string): Promise<Response> {
  const cache = await caches.open(CACHE_NAME).catch(() => null);
  // 'reload': the page was not content with what it got. After an update, other bytes have the same address.
  const hit = request.cache !== 'reload' && await cache?.match(cacheKey(sha256)).catch(() => null);
  if (hit) return hit;
  const response = await fetch(request);
  if (response.status !== 200) return response;
  const bytes = await response.clone().arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const got = Array.from(digest, (b) => b.toString(16).padStart(2, '0')).join('');
  if (got === sha256) {
    const headers = { 'content-type': response.headers.get('content-type') ?? 'application/octet-stream', 'content-length': String(bytes.byteLength) };
    await cache?.put(cacheKey(sha256), new Response(bytes, { headers })).catch(() => {});
  }
  return response;
}

/** Answers the event and returns true if it is a GET of one of the files; else leaves it alone and returns false. */
export function handleWeightsFetch(event: Event, files: WeightFiles): boolean {
  const { request, respondWith } = event as FetchLike;
  const sha256 = files[request.url];
  if (request.method !== 'GET' || !sha256 || request.headers.has('range')) return false;
  respondWith.call(event, cacheFirst(request, sha256));
  return true;
}

/** Deletes what this package cached and no file names any more. Other caches are not touched. */
export async function sweepWeights(files: WeightFiles): Promise<void> {
  if (!await caches.has(CACHE_NAME)) return;
  const cache = await caches.open(CACHE_NAME);
  const wanted = new Set(Object.values(files).map(cacheKey));
  for (const request of await cache.keys()) {
    if (request.url.startsWith(cacheKey('')) && !wanted.has(request.url)) await cache.delete(request);
  }
}
