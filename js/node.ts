/** Entry for Node. The router runs in the calling thread; `worker: true` puts it into a worker thread. */
import { Worker as ThreadWorker } from 'node:worker_threads';
import { bindHere } from './local.js';
import { node } from './node-platform.js';

export * from './public.js';

export const { createRouter, isCached, clearCache } = bindHere({
  ...node,
  spawn: () => new ThreadWorker(new URL('./node-worker.js', import.meta.url), { execArgv: [] }) as unknown as Worker,
});
