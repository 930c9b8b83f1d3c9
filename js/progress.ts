/** Progress of one load: sums the files, never goes back, at most ten events a second, a last one always. */
import type { Progress } from './types.js';

const INTERVAL_MS = 100;

export class ProgressMeter {
  #report: ((p: Progress) => void) | undefined;
  #last = -Infinity;
  #state: Progress = { phase: 'wasm', loaded: 0, total: 0, fraction: 0, fromCache: true };
  /** Bytes of files that are done, before the one that is loading. */
  #done = 0;

  constructor(report: ((p: Progress) => void) | undefined) {
    this.#report = report;
  }

  /** Bytes to come in all, from the manifest. */
  expect(total: number): void {
    this.#state.total = total;
  }

  phase(phase: Progress['phase']): void {
    this.#state.phase = phase;
    if (phase === 'ready') {
      this.#state.total = Math.max(this.#state.total, this.#state.loaded);
      this.#state.loaded = this.#state.total;
      this.#state.fraction = 1;
    }
    this.#emit(true);
  }

  /** `bytes` of the current file are there; a repeated download counts from 0 again, silently. */
  file(bytes: number): void {
    const loaded = Math.max(this.#state.loaded, this.#done + bytes);
    this.#state.loaded = this.#state.total ? Math.min(loaded, this.#state.total) : loaded;
    if (this.#state.total) this.#state.fraction = this.#state.loaded / this.#state.total;
    this.#emit(false);
  }

  fileDone(bytes: number, fromCache: boolean): void {
    this.#done += bytes;
    this.#state.fromCache &&= fromCache;
    this.file(0);
  }

  #emit(always: boolean): void {
    const now = performance.now();
    if (!this.#report || (!always && now - this.#last < INTERVAL_MS)) return;
    this.#last = now;
    this.#report({ ...this.#state });
  }
}
