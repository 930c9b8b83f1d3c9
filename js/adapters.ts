/** Results in the shapes of other libraries. Tools need no adapter: route() takes every dialect. Ids are made here, because only
 * these formats want them. */
import type { AnyTool, RouteResult, ToolCall } from './types.js';

type Result = Pick<RouteResult<any>, 'calls'>;

const id = (prefix: string): string => `${prefix}_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;

export interface OpenAIToolCall { id: string; type: 'function'; function: { name: string; arguments: string } }
export interface OpenAIMessage { role: 'assistant'; content: null; tool_calls: OpenAIToolCall[] }

/** OpenAI chat completions: a choice with the assistant's message. */
export function toOpenAI(result: Result): { message: OpenAIMessage; finish_reason: 'tool_calls' | 'stop' } {
  const tool_calls = result.calls.map((call: ToolCall) => ({
    id: id('call'), type: 'function' as const, function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
  return { message: { role: 'assistant', content: null, tool_calls }, finish_reason: tool_calls.length ? 'tool_calls' : 'stop' };
}

/** OpenAI responses: output items. */
export function toOpenAIResponses(result: Result): { type: 'function_call'; id: string; call_id: string; name: string; arguments: string; status: 'completed' }[] {
  return result.calls.map((call: ToolCall) => ({
    type: 'function_call' as const, id: id('fc'), call_id: id('call'), name: call.name, arguments: JSON.stringify(call.arguments), status: 'completed' as const,
  }));
}

/** MCP: the params of tools/call requests. */
export function toMCP(result: Result): { name: string; arguments: Record<string, unknown> }[] {
  return result.calls.map((call: ToolCall) => ({ name: call.name, arguments: call.arguments }));
}

/** Vercel AI SDK (language model v2 and v3): content parts. */
export function toAISDK(result: Result): { type: 'tool-call'; toolCallId: string; toolName: string; input: string }[] {
  return result.calls.map((call: ToolCall) => ({
    type: 'tool-call' as const, toolCallId: id('call'), toolName: call.name, input: JSON.stringify(call.arguments),
  }));
}

/** Chrome's Prompt API, open loop. */
export function toPromptAPI(result: Result): { type: 'tool-call'; value: { callId: string; name: string; arguments: Record<string, unknown> } }[] {
  return result.calls.map((call: ToolCall) => ({ type: 'tool-call' as const, value: { callId: id('call'), name: call.name, arguments: call.arguments } }));
}

/** LangChain.js: AIMessage.tool_calls. */
export function toLangChain(result: Result): { name: string; args: Record<string, unknown>; id: string; type: 'tool_call' }[] {
  return result.calls.map((call: ToolCall) => ({ name: call.name, args: call.arguments, id: id('call'), type: 'tool_call' as const }));
}

/** WebMCP: the tools of `await document.modelContext.getTools()`. Some versions give the schema as JSON text. */
export function fromModelContext(tools: Iterable<{ name: string; description?: string; inputSchema?: object | string }>): AnyTool[] {
  return Array.from(tools, ({ name, description, inputSchema }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    inputSchema: typeof inputSchema === 'string' ? JSON.parse(inputSchema) as object : inputSchema ?? { type: 'object' },
  }));
}
