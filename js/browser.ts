/** Entry for browsers: the router runs in a worker. */
import { page } from './page-platform.js';
import { bind } from './create.js';
import { embeddedParts } from './platform.js';

export * from './public.js';

export const { createRouter, isCached, clearCache } = bind({
  ...page,
  embedded: () => embeddedParts({}), // where they are is the worker's business; here only their hashes matter
  spawn: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }),
  workerByDefault: true,
});
