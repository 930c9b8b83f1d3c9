/** What the JavaScript tests share: where the build is, sample tools, a web server that can misbehave, a cache in memory. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** THIMBLE_DIST tests another build than dist/. */
export const DIST = resolve(process.env.THIMBLE_DIST ?? join(ROOT, 'dist'));
export const dist = (name) => pathToFileURL(join(DIST, name)).href;
export const read = (name) => readFileSync(join(DIST, name));

if (!existsSync(join(DIST, 'manifest.json'))) throw new Error(`${DIST} is not built: run "make package"`);
export const manifest = JSON.parse(read('manifest.json'));

/** What engine-relaxed.wasm runs: where there is no clang-19 it is a copy of the other build (wasm/build.mk). */
export const RELAXED_KERNELS = read('engine-relaxed.wasm').equals(read('engine.wasm')) ? 'simd128' : 'relaxed';

export const TOOLS = [
  {
    name: 'set_thermostat',
    description: 'Set the target temperature of a room.',
    parameters: {
      type: 'object',
      properties: {
        room: { type: 'string', description: 'room of the house' },
        temperature: { type: 'number', description: 'degrees Celsius' },
      },
      required: ['room', 'temperature'],
    },
  },
  {
    name: 'play_music',
    description: 'Play a song or an artist.',
    parameters: { type: 'object', properties: { title: { type: 'string', description: 'song or artist to play' } }, required: ['title'] },
  },
  {
    name: 'switch_lights',
    description: 'Turn the lights of a room on or off.',
    parameters: {
      type: 'object',
      properties: { room: { type: 'string', description: 'room of the house' }, state: { type: 'string', enum: ['on', 'off'] } },
      required: ['room', 'state'],
    },
  },
];
export const QUERY = 'make it 21 in the nursery';

/** A Cache in memory; `log` names every operation. */
export function memoryCache() {
  const entries = new Map();
  const log = [];
  return {
    entries,
    log,
    async match(key) {
      log.push('match');
      const entry = entries.get(String(key));
      return entry && new Response(entry.bytes, { headers: entry.headers });
    },
    async put(key, response) {
      log.push('put');
      entries.set(String(key), { bytes: new Uint8Array(await response.arrayBuffer()), headers: [...response.headers] });
    },
    async delete(key) {
      log.push('delete');
      return entries.delete(String(key));
    },
  };
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json', '.txt': 'text/plain' };

/** Serves `folders` (first match wins) on a free port of localhost. `faults[path]` may be a function (request, response, bytes) that answers
 * instead; `requests` lists what came as {path, headers}. */
export async function serve(folders = [DIST], { headers = {}, faults = {} } = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    requests.push({ path, headers: request.headers });
    const file = folders.map((folder) => join(folder, path.endsWith('/') ? `${path}index.html` : path)).find((name) => existsSync(name));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const fault = faults[path];
    if (fault) return fault(request, response, file ? readFileSync(file) : Buffer.alloc(0));
    if (!file) return response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    sendFile(request, response, file);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    requests,
    faults,
    count: (path) => requests.filter((r) => r.path === path).length,
    close: () => new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    }),
  };
}

function sendFile(request, response, file) {
  const type = TYPES[file.slice(file.lastIndexOf('.'))] ?? 'application/octet-stream';
  response.setHeader('content-type', type);
  sendBytes(request, response, readFileSync(file));
}

/** The bytes, or the part that a Range header asks for. */
export function sendBytes(request, response, bytes) {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  if (!range) return response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  const from = Number(range[1]);
  response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`, 'content-length': bytes.length - from });
  response.end(bytes.subarray(from));
}
