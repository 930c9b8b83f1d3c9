/** One error class with stable codes. */

export type ErrorCode =
  // loading
  | 'E_NOT_WASM' | 'E_WASM_BLOCKED' | 'E_SIMD' | 'E_ABI' | 'E_FETCH' | 'E_INTEGRITY'
  // the engine's own, in the order of tb_status (src/base.h)
  | 'E_FORMAT' | 'E_JSON' | 'E_TOOLS' | 'E_SCHEMA' | 'E_QUERY' | 'E_TOO_LONG' | 'E_NOMEM' | 'E_OPTION' | 'E_INTERNAL'
  // use
  | 'E_DISPOSED' | 'E_BUSY';

const STATUS: readonly ErrorCode[] = ['E_FORMAT', 'E_JSON', 'E_TOOLS', 'E_SCHEMA', 'E_QUERY', 'E_TOO_LONG', 'E_NOMEM', 'E_OPTION'];

export class RouterError extends Error {
  override name = 'RouterError';
  declare readonly code: ErrorCode;
  /** The file concerned. */
  declare readonly url?: string;
  /** What to do about it, where that is not in the message. */
  declare readonly hint?: string;

  constructor(code: ErrorCode, message: string, more: { url?: string; hint?: string; cause?: unknown } = {}) {
    const { cause, ...rest } = more;
    super(`${code}: ${message}${more.hint ? ` ${more.hint}` : ''}`, cause === undefined ? undefined : { cause });
    Object.assign(this, { code, ...rest });
  }
}

/** The error for a negative return value of the engine. */
export function statusError(status: number, message: string): RouterError {
  return new RouterError(STATUS[-status - 1] ?? 'E_INTERNAL', message);
}

/** Rejections of aborted calls carry the signal's own reason, an AbortError unless the caller chose another. */
export function throwIfAborted(signal: AbortSignal | undefined | null): void {
  if (signal?.aborted) throw signal.reason;
}

/** An error as plain data, to cross to another thread. */
export interface WireError { name: string; message: string; code?: ErrorCode; url?: string; hint?: string }

export function toWire(error: unknown): WireError {
  const { name, message, code, url, hint } = error as RouterError;
  return { name: String(name), message: String(message ?? error), ...(error instanceof RouterError && { code, url, hint }) } as WireError;
}

export function fromWire(wire: WireError): Error {
  if (!wire.code) return wire.name === 'AbortError' ? new DOMException(wire.message, 'AbortError') : new RouterError('E_INTERNAL', wire.message);
  const error = new RouterError(wire.code, '', { url: wire.url, hint: wire.hint });
  error.message = wire.message;
  return error;
}
