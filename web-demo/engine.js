/** The routers of the page (one for each wasm build that was asked for) and their prepared tools. */
import { clearCache, createRouter } from './dist/browser.js';

export { clearCache };

/** Codes that mean the tools are at fault, not the engine. */
export const TOOL_ERRORS = ['E_JSON', 'E_TOOLS', 'E_SCHEMA'];

export class Engine {
  /** 'baseline' | 'relaxed' -> Promise<Router> */
  #routers = new Map();
  /** 'baseline' | 'relaxed' -> {text, ready: Promise<{tools, ms}>} */
  #lists = new Map();

  /** Loads the model with the best build that this browser runs; resolves to its name. */
  async start(onProgress) {
    const router = await createRouter({ onProgress });
    this.#routers.set(router.info.simd, Promise.resolve(router));
    return router.info.simd;
  }

  #router(simd) {
    if (!this.#routers.has(simd)) {
      const made = createRouter({ simd });
      this.#routers.set(simd, made);
      made.catch(() => this.#routers.delete(simd));
    }
    return this.#routers.get(simd);
  }

  async info(simd) {
    return (await this.#router(simd)).info;
  }

  /** Reads the tools, once for each text. `ms`: how long that took. Rejects with the engine's error where it refuses them. */
  prepare(simd, text) {
    const last = this.#lists.get(simd);
    if (last?.text === text) return last.ready;
    const ready = this.#prepareNow(simd, text);
    const list = { text, ready };
    this.#lists.set(simd, list);
    ready.catch(() => this.#lists.get(simd) === list && this.#lists.delete(simd));
    last?.ready.then(({ tools }) => tools.dispose(), () => {});
    return ready;
  }

  async #prepareNow(simd, text) {
    const router = await this.#router(simd);
    const begin = performance.now();
    const tools = await router.prepare(text);
    return { tools, ms: performance.now() - begin };
  }

  /** Routes and takes the time, in ms: `read` (reading the tools, 0 when prepared), `encode`, `decode`, `other` (to the worker and back), `total`. */
  async route(query, text, { simd, prepared }) {
    const router = await this.#router(simd);
    const kept = prepared ? (await this.prepare(simd, text)).tools : null;
    const begin = performance.now();
    const tools = kept ?? await router.prepare(text);
    const read = kept ? 0 : performance.now() - begin;
    const result = await router.route(query, tools, { minConfidence: 0 }); // the page shows how sure, and does not act below SURE
    const total = performance.now() - begin;
    if (!kept) await tools.dispose();
    const { prefillMs: encode, decodeMs: decode } = result.timings;
    return { result, time: { read, encode, decode, other: Math.max(0, total - read - encode - decode), total } };
  }
}
