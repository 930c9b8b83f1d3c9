/** npx thimble mcp: plain English to the tools of an MCP server. */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { McpClient, type McpResult } from './mcp-client.js';
import { createRouter, RouterError, type InputSchemaTool, type PreparedTools, type Router, type RouteResult } from './node.js';

const USAGE = `usage: thimble mcp --tools-from "SERVER COMMAND" [options] ["request"]

Starts an MCP server on stdio and prints one line of JSON for each request: {"request", "calls": [{"name", "arguments",
"confidence"}], "confidence", "incomplete"}. Without a request, every line of standard input is one.

  --tools-from COMMAND  how to start the server, as for a shell
  --call                make the calls: each then has its "result", "error" or "skipped"
  --sure 0.5            confidence of the whole request below which --call makes none of its calls
  --help`;

interface McpCommand {
  server: string;
  makeCalls: boolean;
  sure: number;
  /** Null: every line of the input. */
  request: string | null;
}

interface Call {
  name: string;
  arguments: Record<string, unknown>;
  confidence?: number;
  /** With --call one of these; `skipped` says why the call was not made. */
  result?: McpResult;
  error?: string;
  skipped?: string;
}
interface Answer extends Pick<RouteResult, 'confidence' | 'incomplete'> { request: string; calls: Call[] }

interface Context extends McpCommand { router: Router; client: McpClient; tools: ServerTools }

/** Null: only help is wanted. */
function readArguments(args: string[]): McpCommand | null {
  let parsed;
  try {
    parsed = parseArgs({
      args, allowPositionals: true,
      options: { 'tools-from': { type: 'string' }, call: { type: 'boolean' }, sure: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw new RouterError('E_OPTION', `${(cause as Error).message}.`, { cause });
  }
  const { values, positionals } = parsed;
  if (values.help) return null;
  const server = values['tools-from'];
  if (!server) throw new RouterError('E_OPTION', `--tools-from is needed.\n\n${USAGE}`);
  const sure = Number(values.sure ?? 0.5);
  if (values.sure === '' || !(sure >= 0 && sure <= 1)) throw new RouterError('E_OPTION', `--sure is "${values.sure}"; it must be a number from 0 to 1.`);
  return { server, makeCalls: values.call ?? false, sure, request: positionals.length > 0 ? positionals.join(' ') : null };
}

/** The server's tools, read by the model once, and again only after the server said that they changed. */
class ServerTools {
  #ready: Promise<PreparedTools> | null = null;

  constructor(readonly router: Router, readonly client: McpClient) {
    client.onToolsChanged = () => this.#forget();
  }

  get(): Promise<PreparedTools> {
    this.#ready ??= this.#read();
    return this.#ready;
  }

  async #read(): Promise<PreparedTools> {
    const tools = await this.client.listTools();
    try {
      return await this.#prepare(tools);
    } catch (error) {
      if ((error as RouterError).code !== 'E_SCHEMA') throw error;
      return this.#prepare(await this.#readable(tools));
    }
  }

  /** Lenient, because servers use many keywords that the engine does not enforce. */
  #prepare(tools: InputSchemaTool[]): Promise<PreparedTools> {
    return this.router.prepare(tools, { schema: 'lenient' });
  }

  /** Without the tools that the engine refuses: one of them should not cost the user all the others. */
  async #readable(tools: InputSchemaTool[]): Promise<InputSchemaTool[]> {
    const good: InputSchemaTool[] = [];
    for (const tool of tools) {
      try {
        await (await this.#prepare([tool])).dispose();
        good.push(tool);
      } catch (error) {
        console.error(`left out: ${(error as Error).message}`);
      }
    }
    return good;
  }

  #forget(): void {
    this.#ready?.then((tools) => tools.dispose(), () => {});
    this.#ready = null;
  }
}

/** Makes the calls in their order; after one that failed, none, because they may build on each other. */
async function makeAll(client: McpClient, calls: Call[]): Promise<Call[]> {
  const made: Call[] = [];
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
      made.push({ ...call, error: (error as Error).message });
    }
  }
  return made;
}

async function answer(request: string, { router, client, tools, makeCalls, sure }: Context): Promise<Answer> {
  const { calls, confidence = 0, incomplete } = await router.route(request, await tools.get(), { minConfidence: 0 }); // --sure decides
  const plain = calls.map(({ name, arguments: args, confidence: own }): Call => ({ name, arguments: args, confidence: own }));
  // All or nothing: half a request that was understood is not what the user asked for.
  const done = !makeCalls ? plain
    : confidence >= sure ? await makeAll(client, plain)
    : plain.map((call) => ({ ...call, skipped: `confidence below ${sure}` }));
  return { request, calls: done, confidence, incomplete };
}

/** A request of many that cannot be answered says so on its own line; without the server there is no going on. */
async function answerAll(context: Context): Promise<void> {
  const single = context.request !== null;
  for await (const line of single ? [context.request!] : createInterface({ input: process.stdin })) {
    const request = line.trim();
    if (!request && !single) continue;
    try {
      console.log(JSON.stringify(await answer(request, context)));
    } catch (error) {
      const { code, message } = error as RouterError;
      if (single || !(error instanceof RouterError)) throw error;
      console.log(JSON.stringify({ request, error: { code, message } }));
    }
  }
}

/** args: what follows `mcp` on the command line. */
export async function mcp(args: string[]): Promise<void> {
  const command = readArguments(args);
  if (!command) return console.log(USAGE);
  const router = await createRouter();
  try {
    const client = await McpClient.start(command.server);
    try {
      await answerAll({ ...command, router, client, tools: new ServerTools(router, client) });
    } finally {
      await client.close();
    }
  } finally {
    await router.dispose();
  }
}
