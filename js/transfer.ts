/** Getting one file over an unreliable network: status checks, retries, resuming, into a receiver. */
import { RouterError, throwIfAborted, type ErrorCode } from './errors.js';

const TRIES = 3;
const FIRST_WAIT_MS = 250;

/** For files that are web pages. */
export const PAGE_HINT = 'Your server probably answered with index.html; see "Bundlers" in js/README.md.';

/** What a download feeds. */
export interface Receiver {
  /** Bytes taken so far. */
  readonly at: number;
  /** Bytes that are wanted in all. */
  readonly bytes: number;
  /** More came than is wanted: the rest is not taken. */
  readonly excess: boolean;
  /** Forgets what came so far. */
  restart(): void;
  take(chunk: Uint8Array): void;
}

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

function unreachable(url: string, cause: Error): RouterError {
  return new RouterError('E_FETCH', `${url} could not be fetched: ${cause.message}.`, { url, cause, hint: 'Check the address, the network and CORS.' });
}

/** A response with a good status that is not a web page, or E_FETCH (for pages, `htmlCode`). */
async function fetchOk(fetcher: typeof fetch, url: string, htmlCode: ErrorCode, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetcher(url, init);
  } catch (cause) {
    throwIfAborted(init.signal);
    throw unreachable(url, cause as Error);
  }
  if (response.type === 'opaque') throw new RouterError('E_FETCH', `${url} gave an opaque response: the server does not allow CORS.`, { url });
  if (!response.ok) throw new RouterError('E_FETCH', `${url} answered with status ${response.status}.`, { url, cause: response.status });
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel();
    throw new RouterError(htmlCode, `${url} returned HTML (status ${response.status}), not the file.`, { url, hint: PAGE_HINT });
  }
  return response;
}

/** Network failures, and servers that are busy or broken for now. */
function worthAnotherTry(error: unknown): boolean {
  if (!(error instanceof RouterError) || error.code !== 'E_FETCH') return false;
  return error.cause instanceof Error || error.cause === 429 || (error.cause as number) >= 500;
}

/** What `attempt` gives, in a few attempts: while it gives null or fails for a reason that may pass. */
async function persist<T>(signal: AbortSignal | undefined | null, attempt: (last: boolean) => Promise<T | null>): Promise<T> {
  for (let n = 1; ; n++) {
    const last = n >= TRIES;
    try {
      const result = await attempt(last);
      if (result !== null) return result;
    } catch (error) {
      throwIfAborted(signal);
      if (last || !worthAnotherTry(error)) throw error;
    }
    await wait(FIRST_WAIT_MS * 2 ** (n - 1));
    throwIfAborted(signal);
  }
}

/** A whole file of unknown length. It is fetched again when the connection breaks, also in the middle. */
export function fetchBytes(fetcher: typeof fetch, url: string, htmlCode: ErrorCode, init: RequestInit): Promise<Uint8Array<ArrayBuffer>> {
  return persist(init.signal, async () => {
    const response = await fetchOk(fetcher, url, htmlCode, init);
    return new Uint8Array(await response.arrayBuffer().catch((cause) => { throw unreachable(url, cause); }));
  });
}

/** Feeds the body to the receiver; false when the connection broke, the end came early or too much came. */
export async function pour(response: Response, receiver: Receiver, signal?: AbortSignal): Promise<boolean> {
  const reader = response.body!.getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      throwIfAborted(signal);
      if (done) return receiver.at === receiver.bytes;
      receiver.take(value);
      if (receiver.excess) {
        stop();
        return false;
      }
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof RouterError) throw error;
    return false;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Downloads into the receiver. A broken connection is resumed with a Range request where the server can, else begun
 * again. Returns normally also when the end came early: the caller checks length and hash. */
export async function download(fetcher: typeof fetch, url: string, receiver: Receiver, reload: boolean, signal?: AbortSignal): Promise<void> {
  receiver.restart();
  await persist(signal, async (last) => {
    const init: RequestInit = { signal };
    if (reload) init.cache = 'reload';
    if (receiver.at > 0) init.headers = { range: `bytes=${receiver.at}-` };
    let response: Response;
    try {
      response = await fetchOk(fetcher, url, 'E_FETCH', init);
    } catch (error) {
      if (receiver.at > 0 && (error as RouterError).cause === 416) return true; // the server has no more than came
      throw error;
    }
    const range = response.headers.get('content-range'); // hidden from other origins: then 206 is trusted, the hash decides
    const resumed = response.status === 206 && (!range || range.startsWith(`bytes ${receiver.at}-`));
    if (!resumed) receiver.restart();
    return await pour(response, receiver, signal) || receiver.excess || last || null;
  });
}
