/** Calls across a message port, in both directions, with errors and aborts. */
import { fromWire, throwIfAborted, toWire, type WireError } from './errors.js';

/** What browser, Deno and Node ports have in common; Node's can let the process end. */
export interface Port {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((event: any) => void) | null;
  close(): void;
  ref?(): void;
  unref?(): void;
}
export type Handler = (argument: any, signal: AbortSignal) => unknown;

/** Tools as they cross: JSON text, or the number of a prepared list. */
export type ToolsRef = string | number;
/** A response as it crosses. */
export interface WireResponse { status: number; headers: [string, string][]; body: ArrayBuffer }

export async function toWireResponse(response: Response): Promise<WireResponse> {
  return { status: response.status, headers: [...response.headers], body: await response.arrayBuffer() };
}

interface Message { id: number; op?: string; argument?: unknown; ok?: unknown; error?: WireError; abort?: true }
interface Pending { resolve: (value: any) => void; reject: (reason: unknown) => void }

export class Channel {
  #next = 1;
  #pending = new Map<number, Pending>();
  #running = new Map<number, AbortController>();
  #broken: Error | null = null;

  /** idle: an open port without calls under way does not keep a Node process running. */
  constructor(readonly port: Port, readonly handlers: Record<string, Handler>, readonly idle: boolean) {
    port.onmessage = (event) => this.#receive(event.data);
    this.#rest();
  }

  call<T>(op: string, argument?: unknown, signal?: AbortSignal, transfer: Transferable[] = []): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      throwIfAborted(signal);
      if (this.#broken) throw this.#broken;
      const id = this.#next++;
      const abort = (): void => {
        this.port.postMessage({ id, abort: true });
        this.#settle(id)?.reject(signal!.reason);
      };
      const done = (): void => signal?.removeEventListener('abort', abort);
      this.port.postMessage({ id, op, argument }, transfer);
      this.#pending.set(id, { resolve: (v) => (done(), resolve(v)), reject: (e) => (done(), reject(e)) });
      signal?.addEventListener('abort', abort, { once: true });
      this.port.ref?.();
    });
  }

  /** Everything open, and everything to come, rejects. */
  fail(error: Error): void {
    this.#broken ??= error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)!.reject(error);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    this.#rest();
    return pending;
  }

  #rest(): void {
    if (this.idle && this.#pending.size === 0) this.port.unref?.();
  }

  #receive(message: Message): void {
    if (message.op) void this.#serve(message);
    else if (message.abort) this.#running.get(message.id)?.abort();
    else if (message.error) this.#settle(message.id)?.reject(fromWire(message.error));
    else this.#settle(message.id)?.resolve(message.ok);
  }

  async #serve({ id, op, argument }: Message): Promise<void> {
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const ok = await this.handlers[op!]!(argument, controller.signal);
      this.port.postMessage({ id, ok });
    } catch (error) {
      this.port.postMessage({ id, error: toWire(error) });
    } finally {
      this.#running.delete(id);
    }
  }
}
