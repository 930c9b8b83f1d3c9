/** Which files make up the model that a caller asked for, and whether they are in the cache. */
import { RouterError } from './errors.js';
import { isManifest, type Fixed, type Hooks, type Plan } from './options.js';
import { FORMAT, cacheKey, type Part, type Platform } from './platform.js';
import type { Manifest } from './types.js';

function manifestParts(manifest: Manifest, base: string | undefined): Part[] {
  return manifest.parts.map((part, i) => {
    const good = /^(weights|vocabulary)$/.test(part.role) && /^[0-9a-f]{64}$/.test(part.sha256) && part.bytes > 0 && part.bytes < 2 ** 30;
    if (!good) throw new RouterError('E_FORMAT', `${base ?? 'the manifest'}: parts[${i}] needs url, role (weights or vocabulary), bytes and sha256.`);
    const url = new URL(part.url, base).href;
    return { role: part.role, source: url, url, bytes: part.bytes, sha256: part.sha256 };
  });
}

const given = (role: Part['role'], source: Fixed): Part => ({ role, source, url: typeof source === 'string' ? source : `the ${role} given` });

/** What makes up a model. */
export interface Model {
  parts: Part[];
  /** Unknown where only the file itself tells. */
  format?: string | undefined;
  /** Where the model was asked for by a manifest's URL. */
  manifest?: Manifest | undefined;
}

/** The files of the model: the package's own, a manifest's, or the two that the caller names. `read` gives what is at a
 * manifest's URL. */
export async function findParts(made: Pick<Plan, 'weights' | 'vocabulary'>, platform: Platform, read: (url: string) => Promise<unknown>): Promise<Model> {
  const { weights, vocabulary } = made;
  let parts: Part[];
  let format: string | undefined;
  let manifest: Manifest | undefined;
  if (weights === undefined) {
    parts = platform.embedded();
    format = FORMAT;
  } else if (isManifest(weights)) {
    parts = manifestParts(weights, undefined);
    format = weights.format;
  } else if (typeof weights === 'string' && new URL(weights).pathname.endsWith('.json')) {
    const found = await read(weights);
    if (!isManifest(found)) throw new RouterError('E_FORMAT', `${weights} is no manifest: it has no "parts".`, { url: weights });
    manifest = found;
    parts = manifestParts(manifest, weights);
    format = manifest.format;
  } else {
    const beside = typeof weights === 'string' ? new URL('vocab.txt', weights).href : undefined;
    return { parts: [given('weights', weights), given('vocabulary', vocabulary ?? beside!)] };
  }
  if (vocabulary !== undefined) parts = [...parts.filter((part) => part.role === 'weights'), given('vocabulary', vocabulary)];
  return { parts, format, manifest };
}

/** Whether the whole model is in the cache. Never writes. */
export async function cached(made: Plan, hooks: Hooks, platform: Platform): Promise<boolean> {
  if (made.cache === 'none') return false;
  const store = made.cache === 'hook' ? hooks.cache! : await platform.store(false).catch(() => null);
  if (!store) return false;
  const fetcher = hooks.fetch ?? platform.fetch;
  // A manifest that cannot be read is createRouter()'s to complain of.
  const model = await findParts(made, platform, async (url) => (await fetcher(url)).json()).catch(() => null);
  if (!model) return false;
  for (const part of model.parts) {
    const hit = part.sha256 && await store.match(cacheKey(part.sha256)).catch(() => null);
    if (!hit || hit.headers.get('content-length') !== String(part.bytes)) return false;
  }
  return true;
}
