/** A complete service worker script, without imports or exports, to be served from the page's origin and registered by
 * registerWeightsCache(). */
import { handleWeightsFetch, registeredFiles, sweepWeights } from './sw-core.js';

const scope = self as unknown as { skipWaiting(): Promise<void>; clients: { claim(): Promise<void> } } & typeof globalThis;
const files = registeredFiles(self.location.href);

scope.addEventListener('install', (event) => (event as any).waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => (event as any).waitUntil(sweepWeights(files).then(() => scope.clients.claim())));
scope.addEventListener('fetch', (event) => void handleWeightsFetch(event, files));
