/** From a plan to an engine with an open model: files stream into wasm memory, are verified there, then cached. */
import { compile, type Compiled } from './compile.js';
import { Engine, type Region } from './engine.js';
import { RouterError, throwIfAborted } from './errors.js';
import { GRAMMARS, type Hooks, type Plan } from './options.js';
import { findParts } from './parts.js';
import { cacheKey, warnOnce, type Part, type Platform } from './platform.js';
import { ProgressMeter } from './progress.js';
import { download, fetchBytes, pour, type Receiver } from './transfer.js';
import type { CacheLike } from './types.js';

// ---- one file ---------------------------------------------------------------------------------------

/** Takes a file into its place in wasm memory, hashing as it comes. */
class Sink implements Receiver {
  at = 0;
  excess = false;
  constructor(readonly engine: Engine, readonly region: Region, readonly hashing: boolean, readonly meter: ProgressMeter) {}

  get bytes(): number {
    return this.region.bytes;
  }

  restart(): void {
    this.at = 0;
    this.excess = false;
    if (this.hashing) this.engine.hashBegin();
  }

  take(chunk: Uint8Array): void {
    if (chunk.length > this.bytes - this.at) {
      this.excess = true;
      return;
    }
    const place = { pointer: this.region.pointer + this.at, bytes: chunk.length };
    this.engine.view(place).set(chunk);
    if (this.hashing) this.engine.hashUpdate(place);
    this.at += chunk.length;
    this.meter.file(this.at);
  }

  /** What is wrong with the file that was taken, or null. */
  problem(part: Part): string | null {
    const found = this.#difference(part);
    const page = found && this.bytes > 0 && this.engine.view(this.region)[0] === 0x3c;
    return page ? `it looks like a web page (it starts with "<"): ${found}` : found;
  }

  #difference(part: Part): string | null {
    if (this.excess || this.at !== this.bytes) {
      return `it should have ${this.bytes} bytes, got ${this.excess ? 'more' : this.at}`;
    }
    if (!this.hashing) return null;
    this.meter.phase('verify');
    const hash = this.engine.hashEnd();
    return hash === part.sha256 ? null : `its SHA-256 should be ${part.sha256}, got ${hash}`;
  }
}

/** Files of this machine are no downloads, and need no copy in a cache. */
const isFile = (url: string): boolean => url.startsWith('file:');

// ---- files of which no manifest tells -----------------------------------------------------------------

type Bytes = Blob | BufferSource;

const viewOf = (bytes: BufferSource): Uint8Array<ArrayBuffer> =>
  (ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));

/** Gives every part its length, for which a file behind a bare URL is fetched. */
async function measure(part: Part, fetcher: typeof fetch, signal: AbortSignal | undefined): Promise<Part> {
  if (part.bytes !== undefined) return part;
  const source = typeof part.source === 'string' ? await fetchBytes(fetcher, part.url, 'E_FETCH', { signal }) : part.source as Bytes;
  throwIfAborted(signal);
  return { ...part, source, bytes: source instanceof Blob ? source.size : source.byteLength };
}

/** What the file's own header says (models/FORMAT.md); a file that is none is left to the engine to refuse. */
async function formatOf(source: Bytes): Promise<string> {
  const piece = async (from: number, to: number): Promise<ArrayBuffer> => {
    return source instanceof Blob ? source.slice(from, to).arrayBuffer() : viewOf(source).slice(from, to).buffer;
  };
  try {
    const length = new DataView(await piece(0, 8)).getUint32(0, true);
    return JSON.parse(new TextDecoder().decode(await piece(8, 8 + length))).__metadata__?.format ?? 'needle1';
  } catch {
    return 'thimble1';
  }
}

// ---- loading ------------------------------------------------------------------------------------------

interface Loading {
  engine: Engine;
  made: Plan;
  fetcher: typeof fetch;
  store: CacheLike | null;
  meter: ProgressMeter;
  signal: AbortSignal | undefined;
}

async function fromCache(part: Part, region: Region, how: Loading): Promise<boolean> {
  if (!how.store || !part.sha256 || isFile(part.url)) return false;
  const key = cacheKey(part.sha256);
  const hit = await how.store.match(key);
  if (!hit?.body) return false;
  const sink = new Sink(how.engine, region, how.made.verify === 'always', how.meter);
  sink.restart();
  await pour(hit, sink, how.signal);
  if (sink.problem(part) === null) return true;
  await how.store.delete(key);
  return false;
}

async function keep(part: Part, region: Region, how: Loading): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(region.bytes) };
  try {
    await how.store!.put(cacheKey(part.sha256!), new Response(how.engine.view(region), { headers }));
  } catch (cause) {
    const estimate = await globalThis.navigator?.storage?.estimate?.().catch(() => undefined);
    warnOnce(`the weights could not be cached and will be downloaded again next time (${(cause as Error).name}: ${(cause as Error).message}` +
      (estimate ? `; storage: ${estimate.usage} of ${estimate.quota} bytes used).` : ').'));
  }
}

async function fromNetwork(part: Part, region: Region, how: Loading): Promise<void> {
  const hashing = !!part.sha256 && (how.made.verify === 'always' || how.made.verify === 'download' && !isFile(part.url));
  const sink = new Sink(how.engine, region, hashing, how.meter);
  let problem = null;
  for (const reload of [false, true]) {
    await download(how.fetcher, part.url, sink, reload, how.signal);
    problem = sink.problem(part);
    if (problem === null) break;
  }
  if (problem !== null) {
    throw new RouterError('E_INTEGRITY', `${part.url}: ${problem}. The cache entry was deleted and the download retried once.`,
      { url: part.url, hint: 'The file and the manifest are of different versions, or something on the way changes it.' });
  }
  if (hashing && how.store && !isFile(part.url)) await keep(part, region, how);
}

/** A file of known length, into `region`. Returns whether it came from the cache. */
async function loadKnown(part: Part, region: Region, how: Loading): Promise<boolean> {
  if (typeof part.source === 'string') {
    if (await fromCache(part, region, how)) return true;
    await fromNetwork(part, region, how);
    return false;
  }
  const sink = new Sink(how.engine, region, false, how.meter);
  if (part.source instanceof Blob) await pour(new Response(part.source), sink, how.signal);
  else sink.take(viewOf(part.source as BufferSource));
  const problem = sink.problem(part);
  if (problem !== null) throw new RouterError('E_INTEGRITY', `${part.url}: ${problem}.`);
  return false;
}


/** All parts of one role, one behind the other. */
async function loadRole(parts: Part[], how: Loading): Promise<{ region: Region; cached: boolean }> {
  let cached = true;
  how.meter.phase('weights');
  const region = how.engine.alloc(parts.reduce((sum, part) => sum + part.bytes!, 0));
  let at = 0;
  for (const part of parts) {
    const hit = await loadKnown(part, { pointer: region.pointer + at, bytes: part.bytes! }, how);
    how.meter.fileDone(part.bytes!, hit);
    cached &&= hit;
    at += part.bytes!;
  }
  return { region, cached };
}

// ---- the whole ------------------------------------------------------------------------------------------

export interface Loaded extends Compiled {
  engine: Engine;
}

/** What the engine's copy of Needle 1's weights takes more than the file, with working memory while it opens. */
const ROOM = 3 << 19;

/** No cache is a reason to warn, never to fail. */
function noCache(cause: Error): undefined {
  warnOnce(`no cache here (${cause.message}); the weights are downloaded each time.`);
}

/** A cache that cannot read or delete has nothing. (put() has its own ways to fail.) */
function forgiving(store: CacheLike): CacheLike {
  return {
    match: (key) => store.match(key).catch(noCache),
    delete: async (key) => !!await store.delete(key).catch(noCache),
    put: (key, response) => store.put(key, response),
  };
}

async function openStore(made: Plan, hooks: Hooks, platform: Platform): Promise<CacheLike | null> {
  if (made.cache === 'none') return null;
  const store = made.cache === 'hook' ? hooks.cache! : await platform.store(true).catch(noCache);
  return store ? forgiving(store) : null;
}

const manifestKey = (url: string): string => `https://thimble.invalid/manifest/${encodeURIComponent(url)}`;

/** A fetch() for the manifest, which has no content address: from the network, or offline the copy of the last time. */
function manifestFetch(fetcher: typeof fetch, store: CacheLike | null): typeof fetch {
  return async (url, init) => {
    try {
      return await fetcher(url, init);
    } catch (error) {
      const hit = await store?.match(manifestKey(String(url)));
      if (!hit) throw error;
      return hit;
    }
  };
}

/** What is at a manifest's URL; null if that is no JSON. */
async function readManifest(url: string, fetcher: typeof fetch, signal: AbortSignal | undefined): Promise<unknown> {
  const text = new TextDecoder().decode(await fetchBytes(fetcher, url, 'E_FETCH', { signal }));
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Loads a model into a fresh instance. `compiled`: the module of an earlier load, to be used again. */
export async function load(made: Plan, hooks: Hooks, platform: Platform, compiled?: Compiled): Promise<Loaded> {
  const { signal } = hooks;
  // The package's own files on this machine's disk are no business of the caller's fetch().
  const fetcher: typeof fetch = (url, init) => (isFile(String(url)) ? platform.fetch : hooks.fetch ?? platform.fetch)(url, init);
  throwIfAborted(signal);
  const meter = new ProgressMeter(hooks.onProgress);
  meter.phase('wasm');
  const store = await openStore(made, hooks, platform);
  const model = await findParts(made, platform, (url) => readManifest(url, manifestFetch(fetcher, store), signal));
  // Not before it is known to be one: a server may answer with a page.
  if (model.manifest) await store?.put(manifestKey(made.weights as string), new Response(JSON.stringify(model.manifest))).catch(() => {});
  const parts: Part[] = [];
  for (const part of model.parts) parts.push(await measure(part, fetcher, signal));
  if (!compiled) {
    const format = model.format ?? await formatOf(parts.find((part) => part.role === 'weights')!.source as Bytes);
    compiled = await compile(made, format === 'needle1', platform, fetcher, store, signal);
  }
  const engine = await Engine.create(compiled.module, compiled.url);
  meter.expect(parts.reduce((sum, part) => sum + part.bytes!, 0));
  const how = { engine, made, fetcher, store, meter, signal };
  const vocabulary = await loadRole(parts.filter((part) => part.role === 'vocabulary'), how);
  const files = parts.filter((part) => part.role === 'weights');
  // Needle 1's weights are copied, then freed. With the copy before them, their room and the memory's end are one
  // piece for working memory.
  const room = compiled.needle && engine.alloc(files.reduce((sum, part) => sum + part.bytes!, ROOM));
  const weights = await loadRole(files, how);
  if (room) engine.free(room);
  throwIfAborted(signal);
  meter.phase('init');
  try {
    engine.open(weights.region, vocabulary.region, made.numeric === 'exact', GRAMMARS.indexOf(made.grammar));
  } catch (error) {
    if ((error as RouterError).code !== 'E_FORMAT' || made.verify === 'always' || !(weights.cached || vocabulary.cached)) throw error;
    // A cached file of the right length but with wrong bytes? Then its hash tells, and it is downloaded.
    return load({ ...made, verify: 'always' }, hooks, platform, compiled);
  }
  meter.phase('ready');
  return { ...compiled, engine };
}
