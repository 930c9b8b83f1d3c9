/** Calls run one at a time, in order; waiting ones can be aborted at once. */
import { RouterError, throwIfAborted } from './errors.js';

/** Lets messages, timers and pages have their turn; without the 4 ms that nested timeouts cost in browsers. */
export function pause(): Promise<void> {
  return new Promise((done) => {
    const { setImmediate } = globalThis as { setImmediate?: (f: () => void) => void };
    if (setImmediate) return void setImmediate(done);
    if (!globalThis.MessageChannel) return void setTimeout(done);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(0);
  });
}

interface Waiting { start: () => Promise<void>; reject: (reason: unknown) => void }

export class Queue {
  #waiting: Waiting[] = [];
  #running = false;
  #closed = false;
  /** rest: what happens before each call. */
  constructor(readonly limit: number, readonly rest: () => Promise<void> = pause) {}

  /** always: also when too many wait; for what gives memory back. */
  run<T>(task: () => T | Promise<T>, signal?: AbortSignal, always = false): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(signal);
      if (this.#closed) throw new RouterError('E_DISPOSED', 'this router was disposed.');
      if (!always && this.#waiting.length >= this.limit) {
        throw new RouterError('E_BUSY', `${this.limit} calls are waiting already; await some before sending more, or raise maxQueue.`);
      }
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        reject(signal!.reason);
      };
      const entry: Waiting = {
        reject,
        start: async () => {
          signal?.removeEventListener('abort', abort);
          try {
            resolve(await task());
          } catch (error) {
            reject(error);
          }
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(entry);
      void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#waiting.length > 0) {
      await this.rest(); // for aborts that are on their way, and for the page
      await this.#waiting.shift()?.start();
    }
    this.#running = false;
  }

  /** Rejects what waits and what comes; resolves when the running call is over. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new RouterError('E_DISPOSED', 'this router was disposed while the call was waiting.'));
    }
    while (this.#running) await this.rest();
  }
}
