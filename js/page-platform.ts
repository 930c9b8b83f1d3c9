/** What pages and web workers have in common. */
import { CACHE_NAME } from './platform.js';

export const page = {
  resolve: (text: string): string => new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href,
  fetch: (url: RequestInfo | URL, init?: RequestInit): Promise<Response> => fetch(url, init),
  store: async (create: boolean): Promise<Cache | null> => {
    if (!globalThis.caches) throw new Error('the Cache API needs HTTPS or localhost');
    return create || await caches.has(CACHE_NAME) ? caches.open(CACHE_NAME) : null;
  },
  clear: async (): Promise<void> => void await globalThis.caches?.delete(CACHE_NAME),
};
