/** Deno, and Deno Deploy: deno run --allow-net --allow-read --allow-env deno.js */
import * as thimble from 'thimble';
import { createHandler } from './handler.js';

const handle = createHandler(thimble);
const env = Deno.env.toObject();

Deno.serve({ port: Number(env.PORT ?? 8000), hostname: env.HOST ?? '0.0.0.0' }, (request, info) => handle(request, env, { ip: info.remoteAddr.hostname }));
