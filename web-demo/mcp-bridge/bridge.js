#!/usr/bin/env node
/** Plain English to the tools of an MCP server, on this machine:
 *
 *   node bridge.js --tools-from "SERVER COMMAND" [--call] [--sure 0.5] ["request"]
 *
 * Without a request, every line of the input is one. For each request one line of JSON goes out: {request, calls: [{name, arguments,
 * confidence}], confidence, incomplete}; with --call the calls are made and `result` (or `error`) stands beside them. */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createRouter } from 'thimble';
import { McpClient } from './client.js';

const USAGE = 'usage: bridge.js --tools-from "SERVER COMMAND" [--call] [--sure 0.5] ["request"]';

const OPTIONS = { 'tools-from': { type: 'string' }, call: { type: 'boolean', default: false }, sure: { type: 'string', default: '0.5' }, help: { type: 'boolean', default: false } };

function readArguments() {
  let values, positionals;
  try {
    ({ values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS }));
  } catch (error) {
    throw new Error(`E_USAGE: ${error.message}. ${USAGE}`);
  }
  const sure = Number(values.sure);
  if (values.help) return null;
  if (!values['tools-from']) throw new Error(`E_USAGE: --tools-from is missing. ${USAGE}`);
  if (!(sure >= 0 && sure <= 1)) throw new Error(`E_USAGE: --sure is "${values.sure}"; it must be a number from 0 to 1.`);
  return { command: values['tools-from'], makeCalls: values.call, sure, request: positionals.length > 0 ? positionals.join(' ') : null };
}

/** The server's tools, read by the model once, and again only after the server said that they changed. */
class Tools {
  #ready = null;

  constructor(router, client) {
    this.router = router;
    this.client = client;
    client.onToolsChanged = () => this.#forget();
  }

  get() {
    this.#ready ??= this.#read();
    return this.#ready;
  }

  async #read() {
    const tools = await this.client.listTools();
    try {
      return await this.router.prepare(tools, { schema: 'lenient' });
    } catch (error) {
      if (error.code !== 'E_SCHEMA') throw error;
      return this.router.prepare(await this.#readable(tools), { schema: 'lenient' });
    }
  }

  /** Without the tools that the engine refuses: one of them should not cost the user all the others. */
  async #readable(tools) {
    const good = [];
    for (const tool of tools) {
      try {
        await (await this.router.prepare([tool], { schema: 'lenient' })).dispose();
        good.push(tool);
      } catch (error) {
        console.error(`left out: ${error.message}`);
      }
    }
    return good;
  }

  #forget() {
    this.#ready?.then((tools) => tools.dispose(), () => {});
    this.#ready = null;
  }
}

/** Makes the calls in their order; after one that failed, none, because they may build on each other. */
async function makeAll(client, calls) {
  const made = [];
  let failed = false;
  for (const call of calls) {
    if (failed) {
      made.push({ ...call, skipped: 'the call before it failed' });
      continue;
    }
    try {
      const result = await client.callTool(call.name, call.arguments);
      failed = result.isError === true;
      made.push({ ...call, result });
    } catch (error) {
      failed = true;
      made.push({ ...call, error: error.message });
    }
  }
  return made;
}

async function answer(request, { router, client, tools, makeCalls, sure }) {
  const { calls, confidence, incomplete } = await router.route(request, await tools.get());
  const plain = calls.map(({ name, arguments: args, confidence: own }) => ({ name, arguments: args, confidence: own }));
  // All or nothing: half a request that was understood is not what the user asked for.
  const done = !makeCalls ? plain
    : confidence >= sure ? await makeAll(client, plain)
    : plain.map((call) => ({ ...call, skipped: `confidence below ${sure}` }));
  return { request, calls: done, confidence, incomplete };
}

async function main() {
  const options = readArguments();
  if (!options) return console.log(USAGE);
  const router = await createRouter();
  const client = await McpClient.start(options.command).catch(async (error) => {
    await router.dispose();
    throw error;
  });
  try {
    const context = { router, client, tools: new Tools(router, client), ...options };
    for await (const line of options.request !== null ? [options.request] : createInterface({ input: process.stdin })) {
      if (!line.trim()) continue;
      try {
        console.log(JSON.stringify(await answer(line.trim(), context)));
      } catch (error) {
        if (options.request !== null || error.code?.startsWith('E_MCP')) throw error;
        console.log(JSON.stringify({ request: line.trim(), error: { code: error.code, message: error.message } }));
      }
    }
  } finally {
    await client.close();
    await router.dispose();
  }
}

main().catch((error) => {
  console.error(`error ${error.message}`);
  process.exitCode = 1;
});
