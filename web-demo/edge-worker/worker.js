/** Cloudflare Workers, and workerd. */
import * as thimble from 'thimble';
import { createHandler } from './handler.js';

const handle = createHandler(thimble);

export default {
  fetch: (request, env, context) => handle(request, env, {
    ip: request.headers.get('cf-connecting-ip') ?? undefined,
    waitUntil: (promise) => context.waitUntil(promise),
  }),
};
