/** Compiled, not run: what the types must know and what they must refuse. */
import { createRouter, RouterError, type ErrorCode, type RouteResult, type ToolCall } from 'thimble';
import { fromModelContext, toAISDK, toLangChain, toMCP, toOpenAI, toOpenAIResponses, toPromptAPI } from 'thimble/adapters';
import { createRouter as createInline } from 'thimble/inline';
import { handleWeightsFetch, registerWeightsCache, sweepWeights } from 'thimble/service-worker';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

const router = await createRouter({ simd: 'auto', onProgress: ({ fraction }) => void fraction.toFixed() });

// a literal list: the calls are a union told apart by name
const { calls } = await router.route('make it 21', [
  {
    name: 'set_thermostat',
    parameters: {
      type: 'object',
      properties: { room: { type: 'string' }, temperature: { type: 'number' }, mode: { enum: ['heat', 'cool'] }, days: { type: 'array', items: { type: 'integer' } } },
      required: ['room', 'temperature'],
    },
  },
  { type: 'function', function: { name: 'play', parameters: { type: 'object', properties: { title: { type: 'string' }, loud: { type: 'boolean' } }, required: ['title'] } } },
  { name: 'stop', inputSchema: { type: 'object' } },
]);
for (const call of calls) {
  switch (call.name) {
    case 'set_thermostat':
      same<typeof call.arguments, { room: string; temperature: number; mode?: 'heat' | 'cool'; days?: number[] }>(true);
      break;
    case 'play':
      same<typeof call.arguments, { title: string; loud?: boolean }>(true);
      break;
    case 'stop':
      same<typeof call.arguments, Record<string, unknown>>(true);
      break;
    default:
      same<typeof call, never>(true);
  }
}

// prepared tools remember their type, also from a record
const prepared = await router.prepare({ lights: { inputSchema: { type: 'object', properties: { state: { type: 'string', enum: ['on', 'off'] } }, required: ['state'] } } });
const fromRecord = await router.route('turn on the lights', prepared);
same<(typeof fromRecord.calls)[number]['arguments'], { state: 'on' | 'off' }>(true);
same<(typeof fromRecord.calls)[number]['name'], 'lights'>(true);

// Needle 1's weights: their own options, and what only some models give is optional
const needle = await createRouter({ weights: '/needle.safetensors', grammar: 'needle1', numeric: 'exact' });
const { text: written, confidence } = await needle.route('x', prepared, { maxTokens: 100 });
same<typeof written, string | undefined>(true);
same<typeof confidence, number | undefined>(true);
// @ts-expect-error: no such grammar
await createRouter({ grammar: 'json' });

// lists known only at run time
declare const loose: { name: string; description?: string; parameters: Record<string, unknown> }[];
const plain: RouteResult<ToolCall> = await router.route('x', loose);
const text: RouteResult = await router.route('x', '[]');
same<(typeof plain.calls)[number]['arguments'], Record<string, unknown>>(true);

// bytes, ranking, adapters, disposal
const again = await router.prepare(await prepared.toBytes());
await router.retrieve('x', again, { limit: 3 });
const openai: string | undefined = toOpenAI(text).message.tool_calls[0]?.function.arguments;
void [openai, toOpenAIResponses(text), toMCP(text), toAISDK(text), toPromptAPI(text), toLangChain(text), fromModelContext([])];
void [createInline, handleWeightsFetch, registerWeightsCache, sweepWeights];
const code = (error: unknown): ErrorCode | null => (error instanceof RouterError ? error.code : null);
void code;
await router[Symbol.asyncDispose]();

// @ts-expect-error: no such choice
await router.route('x', loose, { toolChoice: 'sometimes' });
// @ts-expect-error: no such option
await createRouter({ temperature: 0.7 });
// @ts-expect-error: a tool needs a name
await router.route('x', [{ description: 'nameless' }]);
// @ts-expect-error: this argument is a number
const wrong: string = (calls[0] as Extract<(typeof calls)[number], { name: 'set_thermostat' }>).arguments.temperature;
void wrong;
