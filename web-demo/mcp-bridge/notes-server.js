#!/usr/bin/env node
/** An MCP server to try `npx thimble mcp` with: a list of notes in memory. Its tools come on two pages, as long lists may. */
import { createInterface } from 'node:readline';

const notes = [];

const TOOLS = [
  {
    name: 'notes/add',
    description: 'Write a new note',
    inputSchema: { type: 'object', properties: { text: { type: 'string', description: 'What the note says' } }, required: ['text'], additionalProperties: false },
    run({ text }) {
      notes.push(text);
      return `Note ${notes.length}: ${text}`;
    },
  },
  {
    name: 'notes/list',
    description: 'Show all notes',
    inputSchema: { type: 'object', additionalProperties: false },
    run: () => notes.map((text, i) => `${i + 1}. ${text}`).join('\n') || 'There are no notes.',
  },
  {
    name: 'notes/delete',
    description: 'Delete a note by its number',
    inputSchema: { type: 'object', properties: { number: { type: 'integer', minimum: 1, description: 'Number of the note' } }, required: ['number'], additionalProperties: false },
    run({ number }) {
      if (!notes[number - 1]) throw new Error(`There is no note ${number}.`);
      return `Deleted: ${notes.splice(number - 1, 1)[0]}`;
    },
  },
];
const PAGE = 2;

const METHODS = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'notes', version: '1' } }),
  ping: () => ({}),
  'tools/list': ({ cursor = '0' }) => {
    const end = Number(cursor) + PAGE;
    const tools = TOOLS.slice(Number(cursor), end).map(({ run, ...tool }) => tool);
    return { tools, ...(end < TOOLS.length ? { nextCursor: String(end) } : {}) };
  },
  'tools/call': ({ name, arguments: args = {} }) => {
    const tool = TOOLS.find((one) => one.name === name);
    if (!tool) throw Object.assign(new Error(`Unknown tool: ${name}`), { code: -32602 });
    try {
      return { content: [{ type: 'text', text: tool.run(args) }], isError: false };
    } catch (error) { // the tool's own trouble is a result, so that whoever asked can read it
      return { content: [{ type: 'text', text: error.message }], isError: true };
    }
  },
};

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  if (id === undefined || method === undefined) continue; // a notification, or an answer
  try {
    if (!Object.hasOwn(METHODS, method)) throw Object.assign(new Error(`Method not found: ${method}`), { code: -32601 });
    send({ id, result: METHODS[method](params) });
  } catch (error) {
    send({ id, error: { code: error.code ?? -32603, message: error.message } });
  }
}
