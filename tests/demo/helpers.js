/** What the demo's tests share: where the build is, the demo's own server, and patience. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDemoServer } from '../../web-demo/serve.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** THIMBLE_DIST tests another build than dist/. */
export const DIST = resolve(process.env.THIMBLE_DIST ?? `${ROOT}/dist`);

/** The demo on a free port of localhost. */
export async function startDemo() {
  const server = createDemoServer({ dist: DIST });
  await new Promise((done) => server.listen(0, 'localhost', done));
  return {
    url: `http://localhost:${server.address().port}/`,
    stop: () => new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    }),
  };
}

/** Polls `read` until `good` holds of what it gives; resolves to that. */
export async function until(read, good, what, timeout = 20_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(value)} after ${timeout} ms`);
    await new Promise((done) => setTimeout(done, 40));
  }
}
