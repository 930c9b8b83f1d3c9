/** Getting one file over an unreliable network: status checks, retries, resuming, into a receiver. */
import { RouterError, throwIfAborted, type ErrorCode } from './errors.js';

const TRIES = 3;
const FIRST_WAIT_MS = 250;

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

/** A response with a good status that is not a web page, or E_FETCH (for pages, `htmlCode`). */
export async function fetchOk(fetcher: typeof fetch, url: string, htmlCode: ErrorCode, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetcher(url, init);
  } catch (cause) {
    throwIfAborted(init.signal);
    throw new RouterError('E_FETCH', `${url} could not be fetched: ${(cause as Error).message}.`,
      { url, cause, hint: 'Check the address, the network and CORS.' });
  }
  if (response.type === 'opaque') throw new RouterError('E_FETCH', `${url} gave an opaque response: the server does not allow CORS.`, { url });
  if (!response.ok) throw new RouterError('E_FETCH', `${url} answered with status ${response.status}.`, { url, cause: response.status });
  if (/^text\/html/i.test(response.headers.get('content-type') ?? '')) {
    await response.body?.cancel();
    throw new RouterError(htmlCode, `${url} returned HTML (status ${response.status}), not the file.`,
      { url, hint: 'Your server probably answered with index.html; see "Bundlers" in js/README.md.' });
  }
  return response;
}

/** Network failures, and servers that are busy or broken for now. */
function worthAnotherTry(error: unknown): boolean {
  if (!(error instanceof RouterError) || error.code !== 'E_FETCH') return false;
  return error.cause instanceof Error || error.cause === 429 || (error.cause as number) >= 500;
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
  for (let attempt = 1; ; attempt++) {
    const init: RequestInit = { signal };
    if (reload) init.cache = 'reload';
    if (receiver.at > 0) init.headers = { range: `bytes=${receiver.at}-` };
    try {
      const response = await fetchOk(fetcher, url, 'E_FETCH', init);
      const range = response.headers.get('content-range'); // hidden from other origins: then 206 is trusted, the hash decides
      const resumed = response.status === 206 && (!range || range.startsWith(`bytes ${receiver.at}-`));
      if (!resumed) receiver.restart();
      if (await pour(response, receiver, signal) || receiver.excess || attempt >= TRIES) return;
    } catch (error) {
      throwIfAborted(signal);
      if (receiver.at > 0 && (error as RouterError).cause === 416) return; // the server has no more than came
      if (attempt >= TRIES || !worthAnotherTry(error)) throw error;
    }
    await wait(FIRST_WAIT_MS * 2 ** (attempt - 1));
    throwIfAborted(signal);
  }
}
