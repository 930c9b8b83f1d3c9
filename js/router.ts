/** The router over an engine in this thread. */
import { toResult } from './answer.js';
import { RouterError, throwIfAborted } from './errors.js';
import { load, type Loaded } from './loader.js';
import { oneOf, part, whole, type Hooks, type Plan } from './options.js';
import type { Platform } from './platform.js';
import { Queue } from './queue.js';
import { isPrepared, toolsToJson } from './tools.js';
import type { PreparedTools, PrepareOptions, RetrieveOptions, RetrieveResult, RouteOptions, Router, RouterInfo, RouteResult, Tools } from './types.js';

/** Lists given as plain tools that stay prepared: an app has one or two, and each may take megabytes. */
const KEPT_LISTS = 2;

/** A prepared list and how to make it again in a fresh instance. */
class LocalTools implements PreparedTools {
  count = 0;
  handle = 0;
  loaded: Loaded | null = null;
  gone = false;
  constructor(readonly router: LocalRouter, readonly source: string | Uint8Array, readonly lenient: boolean) {}

  toBytes(): Promise<Uint8Array> {
    return this.router.toBytes(this);
  }

  dispose(): Promise<void> {
    return this.router.release(this);
  }
}

function checkQuery(query: unknown): asserts query is string {
  if (typeof query !== 'string') throw new RouterError('E_QUERY', `the request is no string but ${query === null ? 'null' : typeof query}.`);
  const lone = query.search(/\p{Surrogate}/u);
  if (lone >= 0) throw new RouterError('E_QUERY', `the request has half a character (a lone surrogate) at index ${lone}.`);
}

/** In the order of tb_tool_choice. */
const CHOICES: readonly string[] = ['auto', 'required', 'none'];

/** tb_tool_choice and the tool's name. */
function choiceOf(wanted: RouteOptions['toolChoice'] = 'auto'): [number, string] {
  if (typeof wanted === 'object' && wanted !== null) {
    const name = 'function' in wanted ? wanted.function?.name : wanted.name;
    if (typeof name === 'string') return [3, name];
  }
  return [CHOICES.indexOf(oneOf('toolChoice', wanted as string, CHOICES)), ''];
}

const isLenient = (options: PrepareOptions): boolean => oneOf('schema', options.schema, ['strict', 'lenient'] as const) === 'lenient';

export class LocalRouter implements Router {
  #loaded: Loaded | null;
  #reload: () => Promise<Loaded>;
  #queue: Queue;
  #kept = new Map<string, LocalTools>();
  #info: RouterInfo;

  private constructor(loaded: Loaded, reload: () => Promise<Loaded>, queue: Queue) {
    this.#loaded = loaded;
    this.#reload = reload;
    this.#queue = queue;
    const { model, format, abi, kernels } = loaded.engine.info();
    this.#info = { model, format, abi, kernels, simd: loaded.simd, memoryBytes: 0 };
  }

  static async open(made: Plan, hooks: Hooks, platform: Platform): Promise<LocalRouter> {
    const loaded = await load(made, hooks, platform);
    const later = { fetch: hooks.fetch, cache: hooks.cache };
    return new LocalRouter(loaded, () => load(made, later, platform, loaded), new Queue(made.maxQueue, platform.rest));
  }

  get info(): RouterInfo {
    return { ...this.#info, memoryBytes: this.#loaded?.engine.memoryBytes ?? 0 };
  }

  /** The engine; after a trap a fresh one, from the same module and the cached weights. */
  async #live(): Promise<Loaded> {
    if (this.#loaded!.engine.dead) this.#loaded = await this.#reload();
    return this.#loaded!;
  }

  #ready(tools: LocalTools, loaded: Loaded): number {
    if (tools.gone) throw new RouterError('E_DISPOSED', 'these prepared tools were disposed.');
    if (tools.loaded !== loaded) {
      tools.handle = loaded.engine.prepare(tools.source, tools.lenient);
      tools.count = loaded.engine.count(tools.handle);
      tools.loaded = loaded;
    }
    return tools.handle;
  }

  #drop(tools: LocalTools): void {
    tools.gone = true;
    if (tools.loaded && !tools.loaded.engine.dead) tools.loaded.engine.release(tools.handle);
    tools.loaded = null;
  }

  /** How to find the prepared form of what a caller gave as tools. Plain ones are read now, and kept by their text. */
  #listFor(tools: Tools | PreparedTools, options: PrepareOptions): () => LocalTools {
    if (isPrepared(tools)) {
      if (tools instanceof LocalTools && tools.router === this) return () => tools;
      throw new RouterError('E_TOOLS', 'these tools were prepared with another router; pass their toBytes() to prepare().');
    }
    const lenient = isLenient(options);
    const source = toolsToJson(tools);
    const key = `${lenient}${source}`;
    return () => {
      const list = this.#kept.get(key) ?? new LocalTools(this, source, lenient);
      this.#kept.delete(key);
      this.#kept.set(key, list); // the last is the one used last
      return list;
    };
  }

  /** Forgets kept lists that never became one, and the oldest of too many. */
  #trim(): void {
    for (const [key, list] of this.#kept) {
      if (list.loaded && this.#kept.size <= KEPT_LISTS) continue;
      if (list.loaded) this.#drop(list);
      this.#kept.delete(key);
    }
  }

  async #withList<T>(query: string, tools: Tools | PreparedTools, options: PrepareOptions, use: (loaded: Loaded, handle: number) => T): Promise<T> {
    checkQuery(query);
    const find = this.#listFor(tools, options);
    return this.#queue.run(async () => {
      const loaded = await this.#live();
      throwIfAborted(options.signal);
      const list = find();
      try {
        return use(loaded, this.#ready(list, loaded));
      } finally {
        this.#trim();
      }
    }, options.signal);
  }

  async route(query: string, tools: Tools | PreparedTools, options: RouteOptions = {}): Promise<RouteResult<any>> {
    const maxCalls = whole('maxCalls', options.maxCalls, 1, 8, 0);
    const [choice, name] = choiceOf(options.toolChoice);
    const maxTokens = whole('maxTokens', options.maxTokens, 1, 65535, 0);
    const minConfidence = part('minConfidence', options.minConfidence, -1);
    return this.#withList(query, tools, options, ({ engine }, list) => {
      const begin = performance.now();
      let middle = begin;
      const json = engine.route(list, { query, maxCalls, maxTokens, choice, tool: name, minConfidence }, () => {
        middle = performance.now();
      });
      return toResult(json, query, maxCalls, middle - begin, performance.now() - middle);
    });
  }

  async retrieve(query: string, tools: Tools | PreparedTools, options: RetrieveOptions = {}): Promise<RetrieveResult> {
    const limit = whole('limit', options.limit, 1, 1000, 5);
    return this.#withList(query, tools, options, ({ engine }, list) => JSON.parse(engine.rank(list, query, limit)));
  }

  async embed(text: string, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    checkQuery(text);
    return this.#queue.run(async () => {
      const { engine } = await this.#live();
      throwIfAborted(options.signal);
      return engine.embed(text);
    }, options.signal);
  }

  async prepare(tools: Tools | Uint8Array, options: PrepareOptions = {}): Promise<PreparedTools<any>> {
    const source = tools instanceof Uint8Array ? tools.slice() : toolsToJson(tools);
    const list = new LocalTools(this, source, isLenient(options));
    return this.#queue.run(async () => {
      this.#ready(list, await this.#live());
      return list;
    }, options.signal);
  }

  toBytes(tools: LocalTools): Promise<Uint8Array> {
    return this.#queue.run(async () => {
      const loaded = await this.#live();
      return loaded.engine.save(this.#ready(tools, loaded));
    });
  }

  async release(tools: LocalTools): Promise<void> {
    if (!tools.gone && this.#loaded) await this.#queue.run(() => this.#drop(tools), undefined, true).catch(() => {});
  }

  async dispose(): Promise<void> {
    await this.#queue.close();
    this.#kept.clear();
    this.#loaded = null; // with its memory
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
