#!/usr/bin/env node
/** Serves the demo on http://localhost:8080 (or PORT): this folder at /, the built package at /dist/. What a static host must
 * do is all here: content types and one Content-Security-Policy. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DIST = resolve(HERE, '../dist');

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.json': 'application/json', '.webmanifest': 'application/manifest+json', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.wasm': 'application/wasm', '.bin': 'application/octet-stream', '.txt': 'text/plain; charset=utf-8',
};

export const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'microphone=(self), camera=(), geolocation=()',
};

/** The file for a path, or null: only known types, and never outside the two folders. */
async function fileFor(path, dist) {
  const [root, rest] = path.startsWith('/dist/') ? [dist, path.slice('/dist/'.length)] : [HERE, path.slice(1)];
  const name = join(root, rest.endsWith('/') || rest === '' ? `${rest}index.html` : rest);
  if (!TYPES[extname(name)]) return null;
  const real = await realpath(name).catch(() => null);
  return real?.startsWith((await realpath(root)).replace(/[/\\]?$/, sep)) ? real : null;
}

async function answer(request, response, dist) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return response.writeHead(405, { ...HEADERS, allow: 'GET, HEAD' }).end();
  let path;
  try {
    path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
  } catch {
    return response.writeHead(400, HEADERS).end();
  }
  const file = path.includes('\0') ? null : await fileFor(path, dist);
  if (!file) return response.writeHead(404, { ...HEADERS, 'content-type': 'text/plain' }).end('404: there is no such file\n');
  const bytes = await readFile(file);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  const headers = { ...HEADERS, 'content-type': TYPES[extname(file)], etag, 'cache-control': 'no-cache' };
  if (request.headers['if-none-match'] === etag) return response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(request.method === 'HEAD' ? undefined : bytes);
}

/** A server that is not listening yet. `dist`: another build of the package. */
export function createDemoServer({ dist = DIST } = {}) {
  return createServer((request, response) => {
    answer(request, response, dist).catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500, HEADERS);
      response.end();
    });
  });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 8080);
  if (!existsSync(join(DIST, 'browser.js'))) {
    console.error('error: dist/ is not built. Run `make` first, or `make demo`, which does both.');
    process.exit(1);
  }
  const server = createDemoServer();
  server.on('error', (error) => {
    console.error(error.code === 'EADDRINUSE' ? `error: port ${port} is taken. Try PORT=8081 node web-demo/serve.js` : error);
    process.exit(1);
  });
  server.listen(port, 'localhost', () => console.log(`Thimble's demo: http://localhost:${port}/`));
}
