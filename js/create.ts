/** createRouter() and its companions, for one platform. */
import { RouterError } from './errors.js';
import { plan, type Hooks } from './options.js';
import { cached } from './parts.js';
import { warnOnce, type Platform } from './platform.js';
import { RemoteRouter } from './remote.js';
import type { CacheOptions, Router, RouterOptions } from './types.js';

function hooksOf(options: RouterOptions): Hooks {
  const { signal, onProgress, fetch, cache } = options;
  return { signal, onProgress, fetch, cache: typeof cache === 'object' ? cache : undefined };
}

async function create(options: RouterOptions, platform: Platform): Promise<Router> {
  const made = await plan(options, platform);
  const worker = options.worker ?? platform.workerByDefault;
  if (options.persist && !(await globalThis.navigator?.storage?.persist?.())) {
    warnOnce('no persistent storage granted; the weights may be evicted.');
  }
  if (!worker) {
    if (platform.openHere) return platform.openHere(made, hooksOf(options));
    throw new RouterError('E_OPTION', "worker: false is for the entry with the engine in it: 'thimble/inline'.");
  }
  if (worker === true && !platform.spawn) throw new RouterError('E_OPTION', 'this runtime has no workers: leave `worker` out.');
  return RemoteRouter.open(made, hooksOf(options), platform, worker === true ? undefined : worker);
}

export interface Api {
  /** Loads the engine and a model (by default the one in the package); resolves when both are ready. */
  createRouter(options?: RouterOptions): Promise<Router>;
  /** Whether the model's files are in the cache, complete, so that createRouter() need not download them. Never writes.
   * False also where a manifest cannot be read; createRouter() says why. */
  isCached(options?: CacheOptions): Promise<boolean>;
  /** Removes everything that this package cached. */
  clearCache(): Promise<void>;
}

export function bind(platform: Platform): Api {
  return {
    createRouter: (options = {}) => create(options, platform),
    isCached: async (options = {}) => cached(await plan(options, platform), hooksOf(options), platform),
    clearCache: () => platform.clear(),
  };
}
