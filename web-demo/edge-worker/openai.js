/** OpenAI's chat completions: what Thimble reads of a request, and its answer in that shape. */

/** The text of the last message if it is the user's, else null: after a tool's answer, text has to be written. */
export function lastRequest(messages) {
  const last = Array.isArray(messages) ? messages.at(-1) : null;
  if (last?.role !== 'user') return null;
  const text = typeof last.content === 'string' ? last.content
    : Array.isArray(last.content) ? last.content.filter((part) => part?.type === 'text').map((part) => part.text).join(' ') : '';
  return text.trim() || null;
}

const id = (prefix) => `${prefix}${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;

function frame(object) {
  return { id: id('chatcmpl-'), object, created: Math.floor(Date.now() / 1000), model: 'thimble' };
}

const toolCalls = (result) => result.calls.map((call) => ({ id: id('call_'), type: 'function', function: { name: call.name, arguments: JSON.stringify(call.arguments) } }));
const finish = (result) => (result.calls.length > 0 ? 'tool_calls' : 'stop');

/** What OpenAI's shape has no place for. */
const extra = ({ abstained, confidence, incomplete }) => ({ abstained, confidence, incomplete });

export function chatAnswer(result) {
  const message = { role: 'assistant', content: null, ...(result.calls.length > 0 ? { tool_calls: toolCalls(result) } : {}) };
  const { promptTokens, outputTokens } = result.usage;
  return {
    ...frame('chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish(result) }],
    usage: { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: promptTokens + outputTokens },
    thimble: extra(result),
  };
}

/** The same as server-sent events; all is known at once, so there are two. */
export function chatStream(result) {
  const base = frame('chat.completion.chunk');
  const delta = { role: 'assistant', content: null, ...(result.calls.length > 0 ? { tool_calls: toolCalls(result).map((call, index) => ({ index, ...call })) } : {}) };
  const events = [
    { ...base, choices: [{ index: 0, delta, finish_reason: null }] },
    { ...base, choices: [{ index: 0, delta: {}, finish_reason: finish(result) }], thimble: extra(result) },
  ];
  const text = `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`;
  return new Response(text, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-thimble-route': 'device' } });
}
