/** The caller's side: a router that runs in a worker. */
import { Channel, toWireResponse, type Port, type ToolsRef } from './channel.js';
import { RouterError } from './errors.js';
import type { Hooks, Plan } from './options.js';
import type { Platform } from './platform.js';
import { isPrepared, toolsToJson } from './tools.js';
import type { PreparedTools, PrepareOptions, RetrieveOptions, RetrieveResult, RouteOptions, Router, RouterInfo, RouteResult, Tools } from './types.js';

class RemoteTools implements PreparedTools {
  count = 0;
  constructor(readonly router: RemoteRouter, readonly channel: Channel, readonly ref: number) {}

  toBytes(): Promise<Uint8Array> {
    return this.channel.call('toBytes', this.ref);
  }

  dispose(): Promise<void> {
    return this.channel.call<void>('release', this.ref).catch(() => {});
  }
}

function listen(worker: Worker, fail: (event: any) => void): void {
  if ('addEventListener' in worker) worker.addEventListener('error', fail);
  else (worker as any).on('error', fail); // Node's
}

export class RemoteRouter implements Router {
  #worker: Worker;
  #own: boolean;
  #channel: Channel;
  #info!: RouterInfo;
  #disposed = false;
  /** How many lists have been asked for: their numbers in the worker. */
  #lists = 0;

  private constructor(worker: Worker, own: boolean, hooks: Hooks, platform: Platform) {
    this.#worker = worker;
    this.#own = own;
    const { port1, port2 } = new MessageChannel();
    this.#channel = new Channel(port1 as Port, {
      progress: (progress) => hooks.onProgress?.(progress),
      fetch: async ({ url, init }, signal) => toWireResponse(await (hooks.fetch ?? platform.fetch)(url, { ...init, signal })),
      match: async (key) => {
        const hit = await hooks.cache!.match(key);
        return hit ? toWireResponse(hit) : null;
      },
      put: ({ key, response }) => hooks.cache!.put(key, new Response(response.body, response)),
      delete: (key) => hooks.cache!.delete(key),
    }, true);
    listen(worker, (event) => {
      event.preventDefault?.();
      const reason = event.message ? `the worker stopped: ${event.message}.` : 'the worker could not be started.';
      this.#channel.fail(new RouterError(event.message ? 'E_INTERNAL' : 'E_FETCH', reason,
        { cause: event.error ?? event, hint: "Serve the package's worker.js; Content-Security-Policy: worker-src 'self'." }));
    });
    (worker as any).unref?.();
    worker.postMessage({ thimble: port2 }, [port2]);
  }

  static async open(made: Plan, hooks: Hooks, platform: Platform, given?: Worker): Promise<RemoteRouter> {
    const router = new RemoteRouter(given ?? platform.spawn!(), !given, hooks, platform);
    try {
      router.#info = await router.#channel.call('open', made, hooks.signal);
      return router;
    } catch (error) {
      router.#end();
      throw error;
    }
  }

  get info(): RouterInfo {
    return { ...this.#info };
  }

  #ref(tools: Tools | PreparedTools): ToolsRef {
    if (!isPrepared(tools)) return toolsToJson(tools as Tools);
    if (tools instanceof RemoteTools && tools.router === this) return tools.ref;
    throw new RouterError('E_TOOLS', 'these tools were prepared with another router; pass their toBytes() to prepare().');
  }

  /** The options go along, but for the signal, which travels as a message. */
  #call<T>(op: string, argument: object, { signal, ...options }: { signal?: AbortSignal }): Promise<T> {
    return this.#channel.call<T>(op, { ...argument, options }, signal);
  }

  async route(query: string, tools: Tools | PreparedTools, options: RouteOptions = {}): Promise<RouteResult<any>> {
    const { result, memoryBytes } = await this.#call<{ result: RouteResult; memoryBytes: number }>('route', { query, tools: this.#ref(tools) }, options);
    this.#info.memoryBytes = memoryBytes;
    return result;
  }

  async retrieve(query: string, tools: Tools | PreparedTools, options: RetrieveOptions = {}): Promise<RetrieveResult> {
    return this.#call('retrieve', { query, tools: this.#ref(tools) }, options);
  }

  async embed(text: string, options: { signal?: AbortSignal } = {}): Promise<Float32Array> {
    return this.#call('embed', { text }, options);
  }

  async prepare(tools: Tools | Uint8Array, options: PrepareOptions = {}): Promise<PreparedTools<any>> {
    const source = tools instanceof Uint8Array ? tools : toolsToJson(tools);
    const list = new RemoteTools(this, this.#channel, ++this.#lists);
    try {
      list.count = await this.#call('prepare', { ref: list.ref, tools: source }, options);
      return list;
    } catch (error) {
      void list.dispose(); // an abort may have come too late for the worker: then it has the list
      throw error;
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#channel.call('dispose').catch(() => {});
    this.#end();
  }

  #end(): void {
    this.#channel.fail(new RouterError('E_DISPOSED', 'this router was disposed.'));
    this.#channel.port.close();
    if (this.#own) this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
