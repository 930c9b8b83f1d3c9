/** Entry with the engine in the calling thread, for code that is in a worker already (or has no workers). */
import { web } from './web-platform.js';
import { bindHere } from './local.js';

export * from './public.js';

export const { createRouter, isCached, clearCache } = bindHere({
  ...web,
  spawn: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
});
