/** Service workers: cache-first for the files of this package, nothing else. Inference does not run there.
 *
 * Page:        await registerWeightsCache('/service-worker.js')  // a copy of dist/service-worker.js, on your origin
 * Own worker:  import { handleWeightsFetch, sweepWeights } from 'thimble/service-worker'
 *              addEventListener('fetch', (event) => { handleWeightsFetch(event) || mine(event) })
 *              addEventListener('activate', (event) => event.waitUntil(sweepWeights())) */
import { ENGINES, PARTS, warnOnce } from './platform.js';
import * as core from './sw-core.js';
import type { WeightFiles } from './sw-core.js';

export { registeredFiles, type WeightFiles } from './sw-core.js';

/** The package's files at the addresses where a bundler put them; of the four engines, one is asked for. */
export function packageFiles(): WeightFiles {
  const hash = (name: string): string => PARTS.find((part) => part.url === name)!.sha256;
  return {
    [new URL('./model.bin', import.meta.url).href]: hash('model.bin'),
    [new URL('./vocab.txt', import.meta.url).href]: hash('vocab.txt'),
    [new URL('./engine.wasm', import.meta.url).href]: ENGINES.baseline.sha256,
    [new URL('./engine-relaxed.wasm', import.meta.url).href]: ENGINES.relaxed.sha256,
    [new URL('./needle.wasm', import.meta.url).href]: ENGINES.needle1.baseline.sha256,
    [new URL('./needle-relaxed.wasm', import.meta.url).href]: ENGINES.needle1.relaxed.sha256,
  };
}

/** For pages: registers the script (a copy of dist/service-worker.js on your origin) for the files given. The files are part of
 * the script's address, so that other files make another worker, which sweeps the old ones. Returns null, with a warning, where
 * there are no service workers; everything works without. */
export async function registerWeightsCache(script: string | URL, options: RegistrationOptions & { files?: WeightFiles } = {}): Promise<ServiceWorkerRegistration | null> {
  const { files = packageFiles(), ...rest } = options;
  const url = new URL(script, document.baseURI);
  for (const [file, sha256] of Object.entries(files)) url.searchParams.append('file', `${sha256} ${file}`);
  if (!navigator.serviceWorker) {
    warnOnce('no service worker: it needs HTTPS or localhost.');
    return null;
  }
  return navigator.serviceWorker.register(url, rest);
}

/** In a service worker: answers the event and returns true if it is a GET of one of the files; else leaves it alone and returns false. */
export function handleWeightsFetch(event: Event, files: WeightFiles = packageFiles()): boolean {
  return core.handleWeightsFetch(event, files);
}

/** In a service worker: deletes what this package cached and no file names any more. Other caches are not touched. */
export function sweepWeights(files: WeightFiles = packageFiles()): Promise<void> {
  return core.sweepWeights(files);
}
