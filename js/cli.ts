#!/usr/bin/env node
/** npx thimble "turn on the lights" --tools tools.json */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { toOpenAI } from './adapters.js';
import { createRouter, RouterError } from './node.js';

const USAGE = `usage: thimble "request" --tools FILE [options]

  --tools FILE        tool list as JSON, any dialect; - reads standard input
  --model PATH|URL    weights, a folder with model.safetensors and vocab.txt, or a manifest (default: the model in the package)
  --max-calls N       1 to 8
  --lenient           ignore schema keywords that cannot be enforced
  --openai            print an OpenAI choice instead of the whole result
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

async function main(): Promise<void> {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        tools: { type: 'string' }, model: { type: 'string' }, 'max-calls': { type: 'string' },
        lenient: { type: 'boolean' }, openai: { type: 'boolean' }, time: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' },
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
  const router = await createRouter(values.model ? { weights: values.model } : {});
  const ready = performance.now();
  const result = await router.route(positionals[0]!, tools, {
    ...(values['max-calls'] ? { maxCalls: Number(values['max-calls']) } : {}),
    schema: values.lenient ? 'lenient' : 'strict',
  });
  const { prefillMs, decodeMs } = result.timings;
  const ms = [ready - begin, performance.now() - ready, prefillMs, decodeMs].map((t) => t.toFixed(1));
  if (values.time) console.error(`load ${ms[0]} ms, route ${ms[1]} ms (tools and request; request alone ${ms[2]} + ${ms[3]} ms)`);
  console.log(JSON.stringify(values.openai ? toOpenAI(result) : result, null, 2));
}

declare const __VERSION__: string;

main().catch((error: Error) => {
  console.error(error instanceof RouterError ? `error ${error.message}` : error);
  process.exitCode = 1;
});
