#!/usr/bin/env node
/** npx thimble "turn on the lights" --tools tools.json */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toMCP, toOpenAI } from './adapters.js';
import { mcp } from './mcp.js';
import { McpError } from './mcp-client.js';
import { createRouter, RouterError, type RouterOptions } from './node.js';

const USAGE = `usage: thimble "request" --tools FILE [options]
       thimble mcp --tools-from "SERVER COMMAND" [options] ["request"]    (thimble mcp --help)

Prints the calls as JSON: [{"name": .., "arguments": {..}}, ..], [] if no tool fits.

  --tools FILE        tool list as JSON, any dialect; - reads standard input
  --model PATH|URL    a manifest, weights with vocab.txt beside them, or a folder that holds manifest.json, or
                      model.safetensors or needle.safetensors, and vocab.txt (default: the model in the package)
  --numeric fast|exact, --grammar strict|needle1|free, --max-calls N, --min-confidence P
                      as the options of createRouter() and route()
  --lenient           ignore schema keywords that cannot be enforced
  --openai            print an OpenAI choice instead
  --all               print the whole result instead: confidence, spans, figures
  --time              print milliseconds to standard error
  --version, --help`;

async function standardInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text;
}

async function readTools(path: string): Promise<string> {
  if (path === '-') return standardInput();
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new RouterError('E_OPTION', `--tools: ${path} cannot be read (${cause.message}).`, { cause });
  });
}

/** In a folder, the file to load. */
async function findModel(path: string): Promise<string> {
  const names = await readdir(path).catch(() => null);
  if (!names) return path;
  const name = ['manifest.json', 'model.safetensors', 'needle.safetensors'].find((n) => names.includes(n));
  if (!name) throw new RouterError('E_OPTION', `--model: the folder ${path} holds no manifest.json, model.safetensors or needle.safetensors.`);
  return join(path, name);
}

async function route(): Promise<void> {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        tools: { type: 'string' }, model: { type: 'string' }, numeric: { type: 'string' }, grammar: { type: 'string' }, 'max-calls': { type: 'string' }, 'min-confidence': { type: 'string' },
        lenient: { type: 'boolean' }, openai: { type: 'boolean' }, all: { type: 'boolean' }, time: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' },
      },
    });
  } catch (cause) {
    throw new RouterError('E_OPTION', `${(cause as Error).message}.`, { cause });
  }
  const { values, positionals } = parsed;
  if (values.help) return console.log(USAGE);
  if (values.version) return console.log(__VERSION__);
  if (positionals.length !== 1 || !values.tools) throw new RouterError('E_OPTION', `one request and --tools are needed.\n\n${USAGE}`);
  const tools = await readTools(values.tools);
  const begin = performance.now();
  const router = await createRouter({
    ...(values.model ? { weights: await findModel(values.model) } : {}), numeric: values.numeric, grammar: values.grammar,
  } as RouterOptions); // which checks what they are
  const ready = performance.now();
  const result = await router.route(positionals[0]!, tools, {
    ...(values['max-calls'] ? { maxCalls: Number(values['max-calls']) } : {}),
    ...(values['min-confidence'] ? { minConfidence: Number(values['min-confidence']) } : {}),
    schema: values.lenient ? 'lenient' : 'strict',
  });
  const { prefillMs, decodeMs } = result.timings;
  const ms = [ready - begin, performance.now() - ready, prefillMs, decodeMs].map((t) => t.toFixed(1));
  if (values.time) console.error(`load ${ms[0]} ms, route ${ms[1]} ms (of these encode ${ms[2]} ms, decode ${ms[3]} ms; the rest reads the tools)`);
  const output = values.all ? result : values.openai ? toOpenAI(result) : toMCP(result);
  console.log(JSON.stringify(output));
}

declare const __VERSION__: string;

const main = process.argv[2] === 'mcp' ? mcp(process.argv.slice(3)) : route();
main.catch((error: Error) => {
  console.error(error instanceof RouterError || error instanceof McpError ? `error ${error.message}` : error);
  process.exitCode = 1;
});
