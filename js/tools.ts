/** Tool lists as callers hold them -> JSON text for the engine, which tells the dialects apart (src/schema.h). */
import { RouterError } from './errors.js';
import type { PreparedTools, Tools } from './types.js';

/** What stands in for a schema: Standard JSON Schema, the AI SDK's wrapper, anything with toJSONSchema(). */
function plainSchema(schema: any): unknown {
  const standard = schema?.['~standard']?.jsonSchema;
  if (standard?.input) return standard.input({ target: 'draft-2020-12' });
  if (typeof schema?.toJSONSchema === 'function') return schema.toJSONSchema();
  return schema?.jsonSchema ?? schema;
}

/** Keeps what the engine reads: handlers, annotations and the like stay behind. */
function plainTool(tool: any): unknown {
  if (typeof tool !== 'object' || tool === null) return tool;
  if (tool.type === 'function' && typeof tool.function === 'object') return { type: 'function', function: plainTool(tool.function) };
  const plain: Record<string, unknown> = { name: tool.name, description: tool.description };
  for (const key of ['parameters', 'inputSchema', 'input_schema', 'schema']) {
    if (tool[key] !== undefined) plain[key === 'schema' ? 'parameters' : key] = plainSchema(tool[key]);
  }
  return plain;
}

export function toolsToJson(tools: Tools): string {
  if (typeof tools === 'string') return tools;
  if (typeof tools !== 'object' || tools === null) {
    throw new RouterError('E_TOOLS', 'tools must be a list, a record by name, JSON text, or what prepare() gave.');
  }
  const list = Array.isArray(tools) ? tools : Object.entries(tools).map(([name, tool]) => ({ ...(tool as object), name }));
  try {
    return JSON.stringify(list.map(plainTool));
  } catch (cause) {
    throw new RouterError('E_TOOLS', `tools cannot be written as JSON: ${(cause as Error).message}.`, { cause });
  }
}

export const isPrepared = (tools: unknown): tools is PreparedTools => typeof (tools as PreparedTools | null)?.toBytes === 'function';
