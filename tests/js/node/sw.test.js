/** What a service worker does with the package's files, over a CacheStorage in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dist, manifest, memoryCache, read } from '../helpers.js';

const { handleWeightsFetch, packageFiles } = await import(dist('sw.js'));
const VOCABULARY = manifest.parts[1];
const URL_OF = dist('vocab.txt');
const keyOf = (sha256) => `https://thimble.invalid/weights/${sha256}`;

/** Puts a CacheStorage with the one cache in place for this test. */
function useCache(t, cache) {
  globalThis.caches = { open: async () => cache, has: async () => true };
  t.after(() => delete globalThis.caches);
}

/** How the answer to a request of the page for the vocabulary begins; the network has `bytes`. */
async function ask(t, bytes, cache) {
  const network = t.mock.method(globalThis, 'fetch', async () => new Response(bytes));
  let answer;
  const request = { url: URL_OF, method: 'GET', headers: new Headers(), cache };
  assert.equal(handleWeightsFetch({ request, respondWith: (response) => (answer = response) }), true);
  const text = await (await answer).text();
  network.mock.restore();
  return text.slice(0, 15);
}

test('it answers for the package\'s files', () => {
  assert.equal(packageFiles()[URL_OF], VOCABULARY.sha256);
});

test('what it has is answered from the cache; a request to reload goes to the network', async (t) => {
  const cache = memoryCache();
  useCache(t, cache);
  const text = read('vocab.txt').toString();
  const start = text.slice(0, 15);
  assert.equal(await ask(t, text, 'default'), start);
  assert.ok(cache.entries.has(keyOf(VOCABULARY.sha256)));
  assert.equal(await ask(t, 'a newer version', 'default'), start);
  assert.equal(await ask(t, 'a newer version', 'reload'), 'a newer version');
  assert.equal(cache.entries.size, 1);
  assert.equal(await ask(t, '', 'default'), start, 'other bytes must not be kept');
});

test('a cache that fails does not keep the network from answering', async (t) => {
  useCache(t, { match: () => Promise.reject(new Error('disk')), put: () => Promise.reject(new Error('disk')) });
  const start = read('vocab.txt').toString().slice(0, 15);
  assert.equal(await ask(t, read('vocab.txt'), 'default'), start);
  globalThis.caches = { open: () => Promise.reject(new Error('disk')) };
  assert.equal(await ask(t, read('vocab.txt'), 'default'), start);
});
