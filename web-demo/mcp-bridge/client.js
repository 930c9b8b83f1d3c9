/** A client of the Model Context Protocol over stdio, as much of it as tools need: one JSON-RPC message on each line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PROTOCOL = '2025-11-25';
/** Revisions with the same tools/list and tools/call. */
const KNOWN = ['2024-11-05', '2025-03-26', '2025-06-18', PROTOCOL];
const MOST_PAGES = 100;

/** `code`: E_MCP_START the server did not start or ended, E_MCP_TIMEOUT it did not answer, E_MCP_REMOTE it answered with an error,
 * E_MCP_PROTOCOL what it answered is not the protocol. */
export class McpError extends Error {
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export class McpClient {
  #waiting = new Map();
  #next = 1;
  #over = null;

  /** Starts the server and shakes hands. Its stderr is passed through.
   * @param {string} command as for a shell
   * @param {{timeoutMs?: number, onToolsChanged?: () => void}} [options] timeoutMs: for each answer, default 30 000 */
  static async start(command, options = {}) {
    const client = new McpClient(command, options);
    try {
      await client.#shakeHands();
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  constructor(command, { timeoutMs = 30_000, onToolsChanged = () => {} } = {}) {
    this.command = command;
    this.timeoutMs = timeoutMs;
    this.onToolsChanged = onToolsChanged;
    this.child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.gone = once(this.child, 'close').catch(() => {});
    this.child.on('error', (error) => this.#end(new McpError('E_MCP_START', `"${command}" did not start: ${error.message}`)));
    this.child.on('close', (status, signal) => this.#end(new McpError('E_MCP_START', `"${command}" ended (${signal ?? `status ${status}`}). Run it by itself to see why.`)));
    this.child.stdin.on('error', () => {}); // it ended; 'close' tells
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#read(line));
  }

  async #shakeHands() {
    const { protocolVersion, serverInfo, capabilities } = await this.request('initialize', {
      protocolVersion: PROTOCOL, capabilities: {}, clientInfo: { name: 'thimble-mcp-bridge', version: '1' },
    });
    if (!KNOWN.includes(protocolVersion)) throw new McpError('E_MCP_PROTOCOL', `the server speaks revision ${protocolVersion}; this client knows ${KNOWN.join(', ')}.`);
    if (!capabilities?.tools) throw new McpError('E_MCP_PROTOCOL', 'the server offers no tools.');
    this.server = serverInfo;
    this.#send({ method: 'notifications/initialized' });
  }

  /** All tools, page by page. */
  async listTools() {
    const tools = [];
    let cursor;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await this.request('tools/list', cursor === undefined ? {} : { cursor });
      if (!Array.isArray(answer.tools)) throw new McpError('E_MCP_PROTOCOL', 'the answer to tools/list has no list of tools.');
      tools.push(...answer.tools);
      cursor = answer.nextCursor;
      if (cursor === undefined || cursor === null) return tools;
    }
    throw new McpError('E_MCP_PROTOCOL', `tools/list goes on after ${MOST_PAGES} pages.`);
  }

  /** @returns {Promise<{content: object[], isError?: boolean, structuredContent?: object}>} */
  callTool(name, args) {
    return this.request('tools/call', { name, arguments: args });
  }

  request(method, params) {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#next++;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        this.#send({ method: 'notifications/cancelled', params: { requestId: id, reason: 'no answer in time' } });
        fail(new McpError('E_MCP_TIMEOUT', `no answer to ${method} in ${this.timeoutMs} ms.`));
      }, this.timeoutMs);
      this.#waiting.set(id, { method, timer, done, fail });
      this.#send({ id, method, params });
    });
  }

  #send(message) {
    if (!this.#over) this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #read(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return console.error(`the server wrote a line that is no message: ${line.slice(0, 200)}`);
    }
    if (message?.method !== undefined) this.#serve(message);
    else this.#settle(message);
  }

  /** What a server may ask of a client that has declared no capabilities. */
  #serve({ id, method }) {
    if (id === undefined) {
      if (method === 'notifications/tools/list_changed') this.onToolsChanged();
    } else if (method === 'ping') {
      this.#send({ id, result: {} });
    } else {
      this.#send({ id, error: { code: -32601, message: `${method} is not offered here` } });
    }
  }

  #settle(message) {
    const request = this.#waiting.get(message?.id);
    if (!request) return;
    this.#waiting.delete(message.id);
    clearTimeout(request.timer);
    if (message.error) request.fail(new McpError('E_MCP_REMOTE', `${request.method}: ${message.error.message} (${message.error.code})`));
    else if (typeof message.result === 'object' && message.result !== null) request.done(message.result);
    else request.fail(new McpError('E_MCP_PROTOCOL', `the answer to ${request.method} has no result.`));
  }

  #end(reason) {
    this.#over ??= reason;
    for (const { timer, fail } of this.#waiting.values()) {
      clearTimeout(timer);
      fail(this.#over);
    }
    this.#waiting.clear();
  }

  /** Ends the server as the protocol says: no more input; if it stays, a signal; if it stays still, the last signal. */
  async close() {
    this.child.stdin.end();
    const timers = [setTimeout(() => this.child.kill(), 2000), setTimeout(() => this.child.kill('SIGKILL'), 4000)];
    await this.gone;
    timers.forEach(clearTimeout);
  }
}
