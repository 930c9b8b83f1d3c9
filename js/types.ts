/** The public types: options, tools, results, progress. Everything here is erased at run time. */

/** A JSON Schema, or an object that gives one: Standard JSON Schema (`~standard.jsonSchema`), the
 * AI SDK's `jsonSchema()` wrapper, or anything with a `toJSONSchema()` method. */
export type SchemaSource = Readonly<Record<string, unknown>> | object;

/** `{name, description, parameters}`: Needle, OpenAI responses (un-nested). */
export interface FlatTool {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: SchemaSource;
}
/** MCP, Chrome's Prompt API, WebMCP. */
export interface InputSchemaTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: SchemaSource;
}
/** OpenAI chat completions. */
export interface OpenAITool {
  readonly type: 'function';
  readonly function: FlatTool;
}
/** LangChain. */
export interface LangChainTool {
  readonly name: string;
  readonly description?: string;
  readonly schema: SchemaSource;
}
export type AnyTool = FlatTool | InputSchemaTool | OpenAITool | LangChainTool;
/** Vercel AI SDK: tools by name. */
export type ToolRecord = Readonly<Record<string, { readonly description?: string; readonly inputSchema?: SchemaSource; readonly parameters?: SchemaSource }>>;
/** A list in any dialect (mixed is fine), a record by name, or JSON text of either. */
export type Tools = readonly AnyTool[] | ToolRecord | string;

// ---- arguments typed from literal schemas -------------------------------------------------------

type Simplify<T> = { [K in keyof T]: T[K] } & {};
type RequiredKeys<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;
type FromProperties<P, S> = Simplify<
  { -readonly [K in keyof P as K extends RequiredKeys<S> ? K : never]: FromSchema<P[K]> } &
  { -readonly [K in keyof P as K extends RequiredKeys<S> ? never : K]?: FromSchema<P[K]> }
>;
/** The type of the values that a literal JSON Schema allows; `unknown` where the schema is not literal. */
export type FromSchema<S> =
  S extends { readonly enum: readonly (infer E)[] } ? E
  : S extends { readonly const: infer C } ? C
  : S extends { readonly type: infer T }
    ? string extends T ? unknown
    : T extends 'string' ? string
    : T extends 'number' | 'integer' ? number
    : T extends 'boolean' ? boolean
    : T extends 'array' ? (S extends { readonly items: infer I } ? FromSchema<I>[] : unknown[])
    : T extends 'object' ? (S extends { readonly properties: infer P } ? FromProperties<P, S> : Record<string, unknown>)
    : unknown
  : S extends { readonly properties: infer P } ? FromProperties<P, S>
  : unknown;

type SchemaOf<T> =
  T extends { readonly function: infer F } ? SchemaOf<F>
  : T extends { readonly inputSchema: infer S } ? S
  : T extends { readonly parameters: infer S } ? S
  : T extends { readonly schema: infer S } ? S
  : { readonly type: 'object' };
type ArgumentsOf<T> = unknown extends FromSchema<SchemaOf<T>> ? Record<string, unknown> : FromSchema<SchemaOf<T>>;
type NameOf<T> = T extends { readonly function: infer F } ? NameOf<F> : T extends { readonly name: infer N extends string } ? N : string;

/** The calls that a tool list allows: a union with one member for each tool, told apart by `name`. */
export type CallOf<T> =
  T extends string ? ToolCall
  : T extends readonly (infer U)[] ? (U extends unknown ? ToolCall<NameOf<U>, ArgumentsOf<U>> : never)
  : T extends PreparedTools<infer U> ? CallOf<U>
  : T extends ToolRecord ? { [K in keyof T & string]: ToolCall<K, ArgumentsOf<T[K]>> }[keyof T & string]
  : ToolCall;

// ---- results ------------------------------------------------------------------------------------

/** Where one argument came from. */
export interface ArgumentDetail {
  /** Keys from `arguments` down to the value. */
  path: string[];
  /** `[start, end)` in the query string, for `query.slice()`; one pair for each item of an array;
   * null for a value that is not spelled in the query (enum, boolean). */
  span: [number, number] | [number, number][] | null;
  /** 0..1 */
  confidence: number;
}
export interface ToolCall<N extends string = string, A = Record<string, unknown>> {
  /** As the caller spelled it. */
  name: N;
  /** Valid against the tool's schema. */
  arguments: A;
  /** 0..1; absent with Needle 1's weights. */
  confidence?: number;
  /** Empty with Needle 1's weights. */
  details: ArgumentDetail[];
}
export interface RouteResult<C = ToolCall> {
  calls: C[];
  /** No tool fits, or the answer was less sure than `minConfidence`; `calls` is empty. A success, not an error. */
  abstained: boolean;
  /** `length`: stopped at `maxCalls` or another limit. */
  stop: 'end' | 'length';
  /** 0..1, how probably the whole answer is exact; where `minConfidence` left the calls out, of these. Absent with
   * Needle 1's weights. */
  confidence?: number;
  /** Tools that fit but whose required arguments are not in the query. */
  incomplete: { name: string; missing: string[][] }[];
  /** With `schema: 'lenient'`: the schema keywords that were not enforced. */
  ignored: unknown[];
  /** outputTokens: decisions of the decoder; forcedTokens: those that had one possible outcome. */
  usage: { promptTokens: number; outputTokens: number; forcedTokens: number };
  /** Milliseconds. Workers' clocks stand still while they compute: 0 there. */
  timings: { prefillMs: number; decodeMs: number };
  /** Needle 1's weights only: what the model wrote, with the caller's names; its token ids; and whether it
   * is a list of valid calls and nothing else. */
  text?: string;
  tokens?: number[];
  valid?: boolean;
}
export interface RetrieveResult {
  /** Best first; scores are a softmax over the tools and "none of them" (with Needle 1's weights: cosines). */
  tools: { name: string; score: number }[];
}

// ---- options ------------------------------------------------------------------------------------

/** Where one file comes from. Strings are URLs (in Node also paths). */
export type Source = string | URL | BufferSource | Blob | Response | ReadableStream<Uint8Array>;

export interface ManifestFile {
  /** Relative to the manifest. */
  url: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}
export interface ManifestPart extends ManifestFile {
  /** Several `weights` parts are one file in this order. */
  role: 'weights' | 'vocabulary';
}
export interface EngineFiles { baseline: ManifestFile; relaxed: ManifestFile }
export interface Manifest {
  /** `thimble1` or `needle1`. */
  format: string;
  model: string;
  license: string;
  parts: ManifestPart[];
  totalBytes: number;
  /** The wasm modules of this package, where the manifest is its own; `needle1`: those for Needle 1's weights. */
  engine?: EngineFiles & { needle1: EngineFiles };
}

export interface Progress {
  phase: 'wasm' | 'weights' | 'verify' | 'init' | 'ready';
  /** Bytes of the model so far; never goes back. */
  loaded: number;
  /** From the manifest; 0 until known. */
  total: number;
  /** 0..1, never goes back, exactly 1 in the last event. */
  fraction: number;
  fromCache: boolean;
}

/** What the loader needs of a `Cache`. */
export type CacheLike = Pick<Cache, 'match' | 'put' | 'delete'>;

export interface CacheOptions {
  /** Default: the model inside this package. A manifest (object, or URL ending in `.json`), the URL
   * of a weight file (its `vocab.txt` beside it, unless `vocabulary` says else), or bytes (with
   * `vocabulary`). Only files that a manifest names by hash are cached. */
  weights?: Source | Manifest;
  /** `none`: never read or write the cache. */
  cache?: 'auto' | 'none' | CacheLike;
}
export interface RouterOptions extends CacheOptions {
  vocabulary?: Source;
  /** The engine, if not the package's own. */
  wasm?: WebAssembly.Module | URL | string | BufferSource | Response;
  /** `auto`: relaxed SIMD where the runtime validates it. Both give the same bytes. */
  simd?: 'auto' | 'baseline' | 'relaxed';
  /** Run in a worker: true in browsers by default, false elsewhere; or a worker that runs the
   * package's `./worker` file. In browsers, `false` needs the entry `thimble/inline`. */
  worker?: boolean | Worker;
  /** When to compare SHA-256: after downloads (default), also on every cache hit and for files on disk, or never. */
  verify?: 'download' | 'always' | 'never';
  signal?: AbortSignal;
  /** At most 10 a second; the last one (`ready`, fraction 1) always comes. */
  onProgress?: (progress: Progress) => void;
  fetch?: typeof fetch;
  /** Calls that may wait in the queue before E_BUSY; default 1000. */
  maxQueue?: number;
  /** How the model computes: `fast` (default) rounds activations to INT8, `exact` keeps 32-bit floats. */
  numeric?: 'fast' | 'exact';
  /** Needle 1's weights only. `strict` (default): JSON that validates against the tools' schemas. `needle1`: the
   * original constraint on names and keys, tools read as they are. `free`: no constraint. */
  grammar?: 'strict' | 'needle1' | 'free';
  /** Ask the browser to keep this origin's storage; default false, because some browsers prompt. */
  persist?: boolean;
}
export interface PrepareOptions {
  /** `lenient`: schema keywords that cannot be enforced are ignored and listed, not refused. */
  schema?: 'strict' | 'lenient';
  signal?: AbortSignal;
}
export interface RouteOptions extends PrepareOptions {
  /** 1..8, default 8. */
  maxCalls?: number;
  /** 0..1: an answer less sure than this makes no call and is `abstained`. Default: what the model file advises, `tiny` 0.
   * What the model refuses by itself stays refused. Not looked at with a `toolChoice` that demands a call, nor with Needle 1's
   * weights. */
  minConfidence?: number;
  /** Needle 1's weights only: most tokens of the answer, 1..511; default 511. */
  maxTokens?: number;
  /** As OpenAI's. Needle 1's weights take `auto` only. */
  toolChoice?: 'auto' | 'required' | 'none' | { name: string } | { type: 'function'; function: { name: string } };
}
export interface RetrieveOptions extends PrepareOptions {
  /** How many tools to give back, default 5. */
  limit?: number;
}

/** A tool list that the model has read: routing with it costs the query's tokens only. */
export interface PreparedTools<T = Tools> {
  readonly count: number;
  /** To keep or ship; `prepare(bytes)` reads them back with the same model. */
  toBytes(): Promise<Uint8Array>;
  dispose(): Promise<void>;
  /** Only a type: keeps the tools' literal type. */
  readonly _tools?: T;
}

export interface RouterInfo {
  model: string;
  format: string;
  abi: number;
  simd: 'baseline' | 'relaxed';
  kernels: string;
  /** Size of the wasm memory now. */
  memoryBytes: number;
}

export interface Router {
  /** Turns a request into calls. Calls queue and run in order. Aborting rejects with an
   * `AbortError`; lists given as plain tools are prepared once and kept for the next calls. */
  route<const T extends Tools | PreparedTools<any>>(query: string, tools: T, options?: RouteOptions): Promise<RouteResult<CallOf<T>>>;
  prepare<const T extends Tools>(tools: T, options?: PrepareOptions): Promise<PreparedTools<T>>;
  prepare(bytes: Uint8Array, options?: PrepareOptions): Promise<PreparedTools>;
  /** The tools that fit a query best, without deciding on a call. */
  retrieve(query: string, tools: Tools | PreparedTools<any>, options?: RetrieveOptions): Promise<RetrieveResult>;
  /** Needle 1's weights with a retrieval head only (else E_OPTION): the unit vector of a text, of its first 256 tokens. The
   * dot product of two is their similarity, -1..1; retrieve() compares a query with each tool's compact JSON by it. */
  embed(text: string, options?: { signal?: AbortSignal }): Promise<Float32Array>;
  readonly info: RouterInfo;
  /** Frees everything. Waiting calls reject with E_DISPOSED. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
