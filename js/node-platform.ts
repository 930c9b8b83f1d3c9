/** Node: files beside the module, a cache folder on disk. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { embeddedParts, type Platform } from './platform.js';
import type { CacheLike } from './types.js';

/** $XDG_CACHE_HOME/thimble or ~/.cache/thimble. */
export const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'thimble');

/** Content-addressed files in a folder, behind the part of the Cache API that the loader uses. */
function diskStore(folder: string): CacheLike {
  const path = (key: RequestInfo | URL): string => join(folder, String(key).split('/').pop()!.slice(-200));
  return {
    async match(key) {
      const file = path(key);
      const size = await stat(file).then((s) => s.size, () => -1);
      return size < 0 ? undefined : fileResponse(file, size);
    },
    async put(key, response) {
      await mkdir(folder, { recursive: true });
      const temporary = `${path(key)}.${process.pid}.${Math.random().toString(36).slice(2)}`;
      try {
        const file = await open(temporary, 'wx');
        try {
          await file.writeFile(new Uint8Array(await response.arrayBuffer()));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path(key)); // whole or not at all
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async delete(key) {
      return rm(path(key)).then(() => true, () => false);
    },
  };
}

function fileResponse(path: string, size: number): Response {
  const body = Readable.toWeb(createReadStream(path, { highWaterMark: 1 << 18 })) as ReadableStream<Uint8Array>;
  return new Response(body, { headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' } });
}

/** fetch() that also reads file: URLs. */
const fetchOrRead: typeof fetch = async (url, init) => {
  const { protocol } = new URL(String(url));
  if (protocol !== 'file:') return fetch(url, init);
  const path = fileURLToPath(String(url));
  return fileResponse(path, (await stat(path)).size);
};

const here = (name: string): string => new URL(name, import.meta.url).href;

export const node: Omit<Platform, 'spawn' | 'workerByDefault'> = {
  resolve: (text) => (/^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(resolve(text)).href),
  fetch: fetchOrRead,
  store: async () => diskStore(cacheFolder()),
  clear: () => rm(cacheFolder(), { recursive: true, force: true }),
  embedded: () => embeddedParts({ 'model.bin': here('./model.bin'), 'vocab.txt': here('./vocab.txt') }),
  engine: (simd, needle) => here(`./${needle ? 'needle' : 'engine'}${simd === 'relaxed' ? '-relaxed' : ''}.wasm`),
};
