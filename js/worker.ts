/** The worker file of browsers and Deno: routers for whoever posts `{thimble: port}`. */
import { web } from './web-platform.js';
import { serve } from './serve.js';

addEventListener('message', (event: MessageEvent) => {
  const port: MessagePort | undefined = event.data?.thimble;
  if (port) serve(port, { ...web, workerByDefault: false });
});
