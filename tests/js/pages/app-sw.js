/** The service worker of an app that works offline: its own files, and the package's by handleWeightsFetch(). */
import { handleWeightsFetch, sweepWeights } from '/sw.js';

const SHELL = ['/', '/app.js', '/browser.js', '/sw.js', '/worker.js'];

self.addEventListener('install', (event) => event.waitUntil(caches.open('app-shell').then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting())));
self.addEventListener('activate', (event) => event.waitUntil(sweepWeights().then(() => self.clients.claim())));
self.addEventListener('fetch', (event) => {
  if (handleWeightsFetch(event)) return;
  if (SHELL.includes(new URL(event.request.url).pathname)) {
    event.respondWith(caches.match(event.request).then((hit) => hit ?? fetch(event.request)));
  }
});
