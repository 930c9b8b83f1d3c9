/** A platform with the engine in the calling thread. */
import { bind, type Api } from './create.js';
import type { Platform } from './platform.js';
import { LocalRouter } from './router.js';

export function bindHere(base: Omit<Platform, 'openHere' | 'workerByDefault'>): Api {
  const platform: Platform = { ...base, workerByDefault: false, openHere: (made, hooks) => LocalRouter.open(made, hooks, platform) };
  return bind(platform);
}
