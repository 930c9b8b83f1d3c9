/** The worker file of Node. */
import { parentPort } from 'node:worker_threads';
import type { Port } from './channel.js';
import { node } from './node-platform.js';
import { serve } from './serve.js';

parentPort!.on('message', (message: { thimble?: Port }) => {
  if (message?.thimble) serve(message.thimble, { ...node, workerByDefault: false });
});
