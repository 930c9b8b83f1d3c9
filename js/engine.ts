/** One wasm instance: texts and bytes in and out of its memory, statuses to errors, traps to death.
 * wasm/shim.c describes what it exports. */
import { RouterError, statusError } from './errors.js';

/** TB_ABI of src/router.h that this loader is written for. */
export const ABI = 2;

interface Exports {
  memory: WebAssembly.Memory;
  thimble_abi(): number;
  thimble_alloc(bytes: number): number;
  thimble_free(pointer: number): void;
  thimble_message(): number;
  thimble_message_length(): number;
  thimble_output(): number;
  thimble_output_length(): number;
  thimble_sha256_begin(): void;
  thimble_sha256_update(pointer: number, bytes: number): void;
  thimble_sha256_end(): number;
  thimble_open(weights: number, weightsBytes: number, vocabulary: number, vocabularyBytes: number, exact: number, kernels: number): number;
  thimble_info(): number;
  thimble_prepare(tools: number, bytes: number, lenient: number): number;
  thimble_load(saved: number, bytes: number): number;
  thimble_save(list: number): number;
  thimble_release(list: number): void;
  thimble_count(list: number): number;
  thimble_encode(list: number, request: number, bytes: number, maxCalls: number, choice: number, tool: number, toolBytes: number, minConfidence: number): number;
  thimble_decode(): number;
  /** Of engine.wasm only. */
  thimble_rank?(k: number): number;
  /** Of needle.wasm only (wasm/needle1.c). */
  thimble_needle?(grammar: number, maxTokens: number): void;
  thimble_retrieve?(list: number, request: number, bytes: number, k: number): number;
  thimble_embed?(text: number, bytes: number): number;
}

/** Room in the wasm memory for bytes that are still arriving. */
export interface Region { pointer: number; bytes: number }

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** A request as the engine takes it; numbers as in wasm/shim.c. */
export interface Request {
  query: string;
  maxCalls: number;
  maxTokens: number;
  choice: number;
  tool: string;
  minConfidence: number;
}

export class Engine {
  /** After a trap the memory may be inconsistent: the instance must not be used any more. */
  dead = false;
  #exports: Exports;
  #grammar = 0;

  private constructor(exports: Exports) {
    this.#exports = exports;
  }

  static async create(module: WebAssembly.Module, url: string): Promise<Engine> {
    const instance = await WebAssembly.instantiate(module, {});
    const exports = instance.exports as unknown as Exports;
    const abi = exports.thimble_abi?.();
    if (abi !== ABI) {
      throw new RouterError('E_ABI', `this loader needs engine ABI ${ABI}, got ${abi ?? 'none'} from ${url}.`,
        { url, hint: 'Update both files from one version of the package, or clear caches.' });
    }
    return new Engine(exports);
  }

  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  // ---- memory ----

  alloc(bytes: number): Region {
    const pointer = this.#run((e) => e.thimble_alloc(bytes));
    if (pointer === 0) throw new RouterError('E_NOMEM', `the wasm memory cannot grow by ${bytes} bytes.`);
    return { pointer, bytes };
  }

  free(region: Region): void {
    this.#run((e) => e.thimble_free(region.pointer));
  }

  /** A view that the next call may invalidate (memory grows by moving). */
  view(region: Region): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#exports.memory.buffer as ArrayBuffer, region.pointer, region.bytes);
  }

  put(bytes: Uint8Array): Region {
    const region = this.alloc(bytes.length);
    this.view(region).set(bytes);
    return region;
  }

  /** Calls `use` with copies of the bytes in wasm memory, which are freed afterwards. */
  #with<T>(inputs: Uint8Array[], use: (e: Exports, ...regions: Region[]) => T): T {
    const regions: Region[] = [];
    try {
      for (const bytes of inputs) regions.push(this.put(bytes));
      return this.#run((e) => use(e, ...regions));
    } finally {
      if (!this.dead) for (const region of regions) this.free(region);
    }
  }

  // ---- hashing ----

  hashBegin(): void {
    this.#run((e) => e.thimble_sha256_begin());
  }

  hashUpdate(region: Region): void {
    this.#run((e) => e.thimble_sha256_update(region.pointer, region.bytes));
  }

  hashEnd(): string {
    const pointer = this.#run((e) => e.thimble_sha256_end());
    return Array.from(this.view({ pointer, bytes: 32 }), (b) => b.toString(16).padStart(2, '0')).join('');
  }

  // ---- model, lists, routes ----

  /** Both regions are the engine's from then on. grammar: tb_needle_grammar. */
  open(weights: Region, vocabulary: Region, exact: boolean, grammar: number): void {
    this.#status(this.#run((e) => e.thimble_open(weights.pointer, weights.bytes, vocabulary.pointer, vocabulary.bytes, Number(exact), 0)));
    if (grammar && !this.#exports.thimble_needle) throw new RouterError('E_OPTION', "this model's answers are always strict: `grammar` is for Needle 1's weights.");
    this.#grammar = grammar;
    this.#configure(0);
  }

  #configure(maxTokens: number): void {
    this.#run((e) => e.thimble_needle?.(this.#grammar, maxTokens));
  }

  info(): { model: string; format: string; kernels: string; abi: number } {
    this.#status(this.#run((e) => e.thimble_info()));
    return JSON.parse(this.#output());
  }

  /** A list's handle, from JSON text or from the bytes of save(). */
  prepare(source: string | Uint8Array, lenient: boolean): number {
    this.#configure(0);
    return this.#status(typeof source === 'string'
      ? this.#with([utf8(source)], (e, text) => e.thimble_prepare(text!.pointer, text!.bytes, Number(lenient)))
      : this.#with([source], (e, saved) => e.thimble_load(saved!.pointer, saved!.bytes)));
  }

  count(list: number): number {
    return this.#run((e) => e.thimble_count(list));
  }

  save(list: number): Uint8Array<ArrayBuffer> {
    this.#status(this.#run((e) => e.thimble_save(list)));
    return this.#outputBytes().slice();
  }

  release(list: number): void {
    this.#run((e) => e.thimble_release(list));
  }

  /** Encodes the query, calls `between` (the place to look at a clock), decides; the answer as
   * the engine's JSON text. */
  route(list: number, { query, maxCalls, maxTokens, choice, tool, minConfidence }: Request, between: () => void): string {
    this.#configure(maxTokens);
    return this.#with([utf8(query), utf8(tool)], (e, request, name) => {
      this.#status(e.thimble_encode(list, request!.pointer, request!.bytes, maxCalls, choice, name!.pointer, name!.bytes, minConfidence));
      between();
      this.#status(e.thimble_decode());
      return this.#output();
    });
  }

  rank(list: number, query: string, limit: number): string {
    return this.#with([utf8(query)], (e, request) => {
      const { pointer, bytes } = request!;
      if (e.thimble_retrieve) {
        this.#status(e.thimble_retrieve(list, pointer, bytes, limit));
      } else {
        this.#status(e.thimble_encode(list, pointer, bytes, 0, 0, 0, 0, 0));
        this.#status(e.thimble_rank!(limit));
      }
      return this.#output();
    });
  }

  embed(text: string): Float32Array<ArrayBuffer> {
    return this.#with([utf8(text)], (e, region) => {
      if (!e.thimble_embed) throw new RouterError('E_OPTION', "this model has no embeddings: retrieve() ranks tools with it, embed() is for Needle 1's weights with a retrieval head.");
      this.#status(e.thimble_embed(region!.pointer, region!.bytes));
      return new Float32Array(this.#outputBytes().slice().buffer);
    });
  }

  // ---- calls ----

  #output(): string {
    return decoder.decode(this.#outputBytes());
  }

  #outputBytes(): Uint8Array<ArrayBuffer> {
    const e = this.#exports;
    return this.view({ pointer: e.thimble_output(), bytes: e.thimble_output_length() });
  }

  #status(status: number): number {
    if (status >= 0) return status;
    const e = this.#exports;
    throw statusError(status, decoder.decode(this.view({ pointer: e.thimble_message(), bytes: e.thimble_message_length() })));
  }

  /** Runs a call into wasm. Anything that wasm itself throws (a trap, the stack's end) kills the instance. */
  #run<T>(call: (e: Exports) => T): T {
    if (this.dead) throw new RouterError('E_INTERNAL', 'this engine instance is dead.');
    try {
      return call(this.#exports);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError) && !(cause instanceof RangeError)) throw cause;
      this.dead = true;
      throw new RouterError('E_INTERNAL', `the engine stopped: ${cause.message}.`,
        { cause, hint: 'This is a bug in Thimble, please report it; the next call starts a fresh instance.' });
    }
  }
}
