/** What differs between runtimes. One implementation for each entry file. */
import type { Hooks, Plan } from './options.js';
import type { CacheLike, EngineFiles, ManifestPart, Router, Source } from './types.js';

/** One file of a model, with what is known of it beforehand. */
export interface Part {
  role: 'weights' | 'vocabulary';
  source: Source;
  /** For messages, and to fetch where the source is a URL. */
  url: string;
  bytes?: number;
  sha256?: string;
}

export interface Platform {
  /** An absolute URL for what a caller wrote. */
  resolve(text: string): string;
  /** Fetches file: URLs too where the runtime has files. */
  fetch: typeof fetch;
  /** The cache for content-addressed files, or null where there is none. `create` false: do not make one. */
  store(create: boolean): Promise<CacheLike | null>;
  clear(): Promise<void>;
  /** The model in the package. */
  embedded(): Part[];
  /** The package's engine for a format; like openHere() absent where only workers load. */
  engine?(simd: 'baseline' | 'relaxed', needle: boolean): WebAssembly.Module | string;
  /** How to start the package's own worker; absent where there are none. */
  spawn?(): Worker;
  /** What the queue does before each call; absent: it lets other tasks have their turn. */
  rest?(): Promise<void>;
  /** Whether `worker` defaults to true. */
  workerByDefault: boolean;
  /** Opens a router in this thread; absent in the browser's main entry, which stays small without. */
  openHere?(made: Plan, hooks: Hooks): Promise<Router>;
}

/** From the package's own manifest, put in by js/build.js. */
declare const __FORMAT__: string;
declare const __PARTS__: ManifestPart[];
declare const __ENGINES__: EngineFiles & { needle1: EngineFiles };
export const FORMAT: string = __FORMAT__;
export const PARTS: ManifestPart[] = __PARTS__;
export const ENGINES: EngineFiles & { needle1: EngineFiles } = __ENGINES__;

/** The package's parts, given where its files are (by their names in the manifest). */
export function embeddedParts(sources: Record<string, Source>): Part[] {
  return PARTS.map((part) => ({ ...part, source: sources[part.url]!, url: String(sources[part.url]) }));
}

export const CACHE_NAME = 'thimble';

/** Content address: what is stored under it can only be that file, whatever version wrote it. */
export const cacheKey = (sha256: string): string => `https://thimble.invalid/weights/${sha256}`;

const warned = new Set<string>();

export function warnOnce(text: string): void {
  if (warned.has(text)) return;
  warned.add(text);
  console.warn(`thimble: ${text}`);
}
