/** The engine's answer -> a RouteResult: byte offsets become string indices, figures get their public names. */
import type { RouteResult } from './types.js';

/** UTF-8 offset -> index into `text`, for offsets at character boundaries. */
function indexMap(text: string): (offset: number) => number {
  if (/^[\0-\x7f]*$/.test(text)) return (offset) => offset;
  const indices: number[] = [];
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let i = 0; i < bytes; i++) indices.push(at);
    at += character.length;
  }
  return (offset) => indices[offset] ?? at;
}

type Span = [number, number] | [number, number][] | null;

/** maxCalls: 0, or a limit for engines that leave it to the loader. */
export function toResult(json: string, query: string, maxCalls: number, prefillMs: number, decodeMs: number): RouteResult {
  const answer = JSON.parse(json);
  if (maxCalls && answer.calls.length > maxCalls) {
    answer.calls.length = maxCalls;
    answer.stop = 'length';
  }
  const index = indexMap(query);
  const convert = (span: any): Span => span && (typeof span[0] === 'number' ? span.map(index) : span.map(convert));
  for (const call of answer.calls) for (const detail of call.details ??= []) detail.span = convert(detail.span);
  const { promptTokens, decisions, forced } = answer.usage;
  return { ...answer, usage: { promptTokens, outputTokens: decisions, forcedTokens: forced }, timings: { prefillMs, decodeMs } };
}
