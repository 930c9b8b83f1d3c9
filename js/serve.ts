/** The worker's side: a router behind a port. */
import { Channel, toWireResponse, type Port, type ToolsRef, type WireResponse } from './channel.js';
import { RouterError } from './errors.js';
import type { Hooks, Plan } from './options.js';
import type { Platform } from './platform.js';
import { LocalRouter } from './router.js';
import type { CacheLike, PreparedTools, Tools } from './types.js';

const fromWireResponse = ({ status, headers, body }: WireResponse): Response => new Response(body, { status, headers });

/** Stand-ins for what stayed with the caller. */
function hooksOver(channel: Channel, made: Plan, signal: AbortSignal): Hooks {
  const cache: CacheLike = {
    match: async (key) => {
      const hit = await channel.call<WireResponse | null>('match', String(key));
      return hit ? fromWireResponse(hit) : undefined;
    },
    put: async (key, response) => channel.call('put', { key: String(key), response: await toWireResponse(response) }),
    delete: (key) => channel.call('delete', String(key)),
  };
  const proxy = async (url: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const { signal: abort, ...rest } = init;
    return fromWireResponse(await channel.call('fetch', { url: String(url), init: rest }, abort ?? undefined));
  };
  return {
    signal,
    onProgress: (progress) => void channel.call('progress', progress).catch(() => {}),
    ...(made.fetch ? { fetch: proxy as typeof fetch } : {}),
    ...(made.cache === 'hook' ? { cache } : {}),
  };
}

export function serve(port: Port, platform: Platform): void {
  let router: LocalRouter | undefined;
  const lists = new Map<number, PreparedTools>();
  const list = (ref: ToolsRef): Tools | PreparedTools => {
    if (typeof ref === 'string') return ref;
    const found = lists.get(ref);
    if (!found) throw new RouterError('E_DISPOSED', 'these prepared tools were disposed.');
    return found;
  };
  const channel = new Channel(port, {
    open: async (made: Plan, signal) => {
      router = await LocalRouter.open(made, hooksOver(channel, made, signal), platform);
      return router.info;
    },
    route: async ({ query, tools, options }, signal) => ({
      result: await router!.route(query, list(tools), { ...options, signal }),
      memoryBytes: router!.info.memoryBytes,
    }),
    retrieve: ({ query, tools, options }, signal) => router!.retrieve(query, list(tools), { ...options, signal }),
    embed: ({ text }, signal) => router!.embed(text, { signal }),
    prepare: async ({ ref, tools, options }, signal) => {
      const made = await router!.prepare(tools, { ...options, signal });
      if (signal.aborted) await made.dispose(); // the caller has its rejection already, and no list
      else lists.set(ref, made);
      return made.count;
    },
    toBytes: (ref) => (list(ref) as PreparedTools).toBytes(),
    release: async (ref) => {
      await lists.get(ref)?.dispose();
      lists.delete(ref);
    },
    dispose: () => router?.dispose(),
  }, false);
}
