/** A client of the Model Context Protocol over stdio, as much of it as tools need: one JSON-RPC message on each line. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { InputSchemaTool } from './types.js';

const PROTOCOL = '2025-11-25';
/** Revisions with the same tools/list and tools/call. */
const KNOWN = ['2024-11-05', '2025-03-26', '2025-06-18', PROTOCOL];
const MOST_PAGES = 100;

/** START: the server did not start, or ended. TIMEOUT: it did not answer. REMOTE: it answered with an error.
 * PROTOCOL: what it answered is not the protocol. */
export type McpErrorCode = 'E_MCP_START' | 'E_MCP_TIMEOUT' | 'E_MCP_REMOTE' | 'E_MCP_PROTOCOL';

/** As RouterError, for what goes wrong with the server. */
export class McpError extends Error {
  override name = 'McpError';
  constructor(readonly code: McpErrorCode, message: string) {
    super(`${code}: ${message}`);
  }
}

/** What a server answers to tools/call. */
export interface McpResult { content: object[]; isError?: boolean; structuredContent?: object }

export interface McpOptions {
  /** For each answer; default 30 000. */
  timeoutMs?: number;
  onToolsChanged?: () => void;
}

/** Whatever the server may have written, after JSON.parse(). */
type Message = { id?: unknown; method?: unknown; result?: unknown; error?: { code?: unknown; message?: unknown } } | null;
interface Waiting { method: string; timer: NodeJS.Timeout; resolve: (result: any) => void; reject: (reason: Error) => void }

export class McpClient {
  onToolsChanged: () => void;
  #child: ChildProcessByStdio<Writable, Readable, null>;
  #gone: Promise<unknown>;
  #timeoutMs: number;
  #waiting = new Map<unknown, Waiting>();
  #next = 1;
  #over: McpError | null = null;

  /** Starts the server, by a command as for a shell, and shakes hands. Its stderr is passed through. */
  static async start(command: string, options: McpOptions = {}): Promise<McpClient> {
    const client = new McpClient(command, options);
    try {
      await client.#shakeHands();
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  private constructor(command: string, { timeoutMs = 30_000, onToolsChanged = () => {} }: McpOptions) {
    this.onToolsChanged = onToolsChanged;
    this.#timeoutMs = timeoutMs;
    this.#child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#gone = once(this.#child, 'close').catch(() => {});
    this.#child.on('error', (error) => this.#end(new McpError('E_MCP_START', `"${command}" did not start: ${error.message}`)));
    this.#child.on('close', (status, signal) => this.#end(new McpError('E_MCP_START', `"${command}" ended (${signal ?? `status ${status}`}). Run it by itself to see why.`)));
    this.#child.stdin.on('error', () => {}); // it ended; 'close' tells
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(line));
  }

  async #shakeHands(): Promise<void> {
    const { protocolVersion, capabilities } = await this.#request('initialize', {
      protocolVersion: PROTOCOL, capabilities: {}, clientInfo: { name: 'thimble', version: __VERSION__ },
    });
    if (!KNOWN.includes(protocolVersion)) throw new McpError('E_MCP_PROTOCOL', `the server speaks revision ${protocolVersion}; this client knows ${KNOWN.join(', ')}.`);
    if (!capabilities?.tools) throw new McpError('E_MCP_PROTOCOL', 'the server offers no tools.');
    this.#send({ method: 'notifications/initialized' });
  }

  /** All tools, page by page. */
  async listTools(): Promise<InputSchemaTool[]> {
    const tools: InputSchemaTool[] = [];
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await this.#request('tools/list', cursor === undefined ? {} : { cursor });
      if (!Array.isArray(answer.tools)) throw new McpError('E_MCP_PROTOCOL', 'the answer to tools/list has no list of tools.');
      tools.push(...answer.tools);
      cursor = answer.nextCursor;
      if (cursor === undefined || cursor === null) return tools;
    }
    throw new McpError('E_MCP_PROTOCOL', `tools/list goes on after ${MOST_PAGES} pages.`);
  }

  callTool(name: string, args: Record<string, unknown>): Promise<McpResult> {
    return this.#request('tools/call', { name, arguments: args });
  }

  #request(method: string, params: object): Promise<any> {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        this.#send({ method: 'notifications/cancelled', params: { requestId: id, reason: 'no answer in time' } });
        reject(new McpError('E_MCP_TIMEOUT', `no answer to ${method} in ${this.#timeoutMs} ms.`));
      }, this.#timeoutMs);
      this.#waiting.set(id, { method, timer, resolve, reject });
      this.#send({ id, method, params });
    });
  }

  #send(message: object): void {
    if (!this.#over) this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #read(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line);
    } catch {
      return console.error(`the server wrote a line that is no message: ${line.slice(0, 200)}`);
    }
    if (message?.method !== undefined) this.#serve(message);
    else this.#settle(message);
  }

  /** What a server may ask of a client that has declared no capabilities. */
  #serve({ id, method }: NonNullable<Message>): void {
    if (id === undefined) {
      if (method === 'notifications/tools/list_changed') this.onToolsChanged();
    } else if (method === 'ping') {
      this.#send({ id, result: {} });
    } else {
      this.#send({ id, error: { code: -32601, message: `${method} is not offered here` } });
    }
  }

  #settle(message: Message): void {
    const waiting = this.#waiting.get(message?.id);
    if (!message || !waiting) return;
    const { method, timer, resolve, reject } = waiting;
    this.#waiting.delete(message.id);
    clearTimeout(timer);
    if (message.error) reject(new McpError('E_MCP_REMOTE', `${method}: ${message.error.message} (${message.error.code})`));
    else if (typeof message.result === 'object' && message.result !== null) resolve(message.result);
    else reject(new McpError('E_MCP_PROTOCOL', `the answer to ${method} has no result.`));
  }

  #end(reason: McpError): void {
    this.#over ??= reason;
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(this.#over);
    }
    this.#waiting.clear();
  }

  /** Ends the server as the protocol says: no more input; if it stays, a signal; if it stays still, the last signal. */
  async close(): Promise<void> {
    const child = this.#child;
    child.stdin.end();
    const timers = [
      setTimeout(() => child.kill(), 2000),
      setTimeout(() => {
        child.kill('SIGKILL');
        child.stdout.destroy(); // the signal may have ended only a shell, and the server have kept the pipe
      }, 4000),
    ];
    await this.#gone;
    timers.forEach(clearTimeout);
  }
}

declare const __VERSION__: string;
