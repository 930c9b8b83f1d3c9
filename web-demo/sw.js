/** Offline: the page's own files from the network, or else the copy of the last visit; the model through the package. */
import { handleWeightsFetch, sweepWeights } from './dist/sw.js';

const CACHE = 'thimble-demo';

const FILES = [
  './', 'style.css', 'theme.js', 'app.js', 'cards.js', 'chart.js', 'dom.js', 'editor.js', 'engine.js', 'json-text.js', 'page-tools.js',
  'sets.js', 'shelf.js', 'voice.js', 'manifest.webmanifest', 'icon.svg', 'icon-192.png', 'icon-512.png', 'dist/browser.js', 'dist/worker.js',
].map((file) => new URL(file, self.location.href).href);

const PACKAGE = new URL('dist/', self.location.href).href;

/** The package is split into files whose names change with every build: they are found by following the imports. */
async function keep(cache, url, seen) {
  if (seen.has(url)) return;
  seen.add(url);
  const response = await fetch(url, { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  await cache.put(url, response.clone());
  if (!url.startsWith(PACKAGE)) return;
  const text = await response.text();
  for (const [, path] of text.matchAll(/\b(?:from|import)\s*["'](\.[^"']+\.js)["']/g)) await keep(cache, new URL(path, url).href, seen);
}

async function install() {
  const cache = await caches.open(CACHE);
  const seen = new Set();
  for (const url of FILES) await keep(cache, url, seen);
  for (const { url } of await cache.keys()) if (!seen.has(url)) await cache.delete(url);
  await self.skipWaiting();
}

async function activate() {
  await sweepWeights();
  await self.clients.claim();
}

/** Answers without query or fragment: `./?tools=home` is the same file as `./`. */
async function networkFirst(request, url) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(url, response.clone()).catch(() => {}); // no room for a copy: the answer is good all the same
    return response;
  } catch (error) {
    const copy = await cache.match(url);
    if (copy) return copy;
    throw error;
  }
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('fetch', (event) => {
  if (handleWeightsFetch(event)) return;
  const { origin, pathname } = new URL(event.request.url);
  const url = origin + pathname;
  const mine = FILES.includes(url) || (url.startsWith(PACKAGE) && url.endsWith('.js'));
  if (event.request.method === 'GET' && mine) event.respondWith(networkFirst(event.request, url));
});
