/** A router as a web service. The same handler serves workerd (worker.js), Deno (deno.js) and Node (node.js).
 *
 *   POST /route                 {query, tools, maxCalls?, minConfidence?, toolChoice?, schema?} -> Thimble's result
 *   POST /v1/chat/completions   OpenAI's request with tools -> tool_calls; what Thimble is not sure of goes to UPSTREAM_URL
 *   GET  /                      what is here, and the limits
 *
 * Errors are {error: {code, message}} with a stable code. All settings are strings of the environment; see README.md. */
import { chatAnswer, chatStream, lastRequest } from './openai.js';
import { PreparedLists } from './lists.js';

/** An answer that is an error. */
class Refusal extends Error {
  constructor(status, code, message, headers = {}) {
    super(message);
    Object.assign(this, { status, code, headers });
  }
}

/** Status codes for the engine's errors; everything else is 500. */
const STATUS = { E_JSON: 400, E_TOOLS: 400, E_SCHEMA: 400, E_QUERY: 400, E_OPTION: 400, E_TOO_LONG: 413, E_BUSY: 503, E_NOMEM: 503 };

function whole(env, name, otherwise) {
  const value = env[name] === undefined || env[name] === '' ? otherwise : Number(env[name]);
  if (!Number.isInteger(value) || value < 1) throw new Refusal(500, 'E_CONFIG', `${name} is "${env[name]}"; it must be a whole number above 0.`);
  return value;
}

function settings(env) {
  const sure = env.SURE === undefined || env.SURE === '' ? 0.6 : Number(env.SURE);
  if (!(sure >= 0 && sure <= 1)) throw new Refusal(500, 'E_CONFIG', `SURE is "${env.SURE}"; it must be a number from 0 to 1.`);
  if (env.UPSTREAM_KEY && !env.API_KEY) throw new Refusal(500, 'E_CONFIG', 'UPSTREAM_KEY is set without API_KEY: everybody could spend it. Set API_KEY too.');
  return {
    maxBody: whole(env, 'MAX_BODY', 65536), maxTools: whole(env, 'MAX_TOOLS', 64), maxAtOnce: whole(env, 'MAX_AT_ONCE', 64), sure,
    apiKey: env.API_KEY, origin: env.ALLOW_ORIGIN || '*', upstream: env.UPSTREAM_URL, upstreamKey: env.UPSTREAM_KEY, upstreamModel: env.UPSTREAM_MODEL, limiter: env.RATE_LIMITER,
  };
}

/** A preflight gets the headers it asks for: clients add their own (OpenAI's: x-stainless-*), and nothing here reads them. */
const cors = (request, origin) => ({
  'access-control-allow-origin': origin, 'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? 'authorization, content-type',
  'access-control-expose-headers': 'x-thimble-route, retry-after',
  'access-control-max-age': '86400', ...(origin === '*' ? {} : { vary: 'origin' }),
});

const json = (value, status, headers) => new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } });

/** Compares without telling by its duration where the difference is. */
async function same(a, b) {
  const [x, y] = await Promise.all([a, b].map(async (text) => new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))));
  return x.reduce((difference, byte, i) => difference | (byte ^ y[i]), 0) === 0;
}

/** The body as JSON; reading stops at the limit, whatever the request says about its length. */
async function readJson(request, maxBody) {
  const tooLarge = () => new Refusal(413, 'E_BODY', `The body has more than ${maxBody} bytes, the most that is read here.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBody) throw tooLarge();
  const chunks = [];
  let length = 0;
  for (let reader = request.body?.getReader(), next; reader && !(next = await reader.read()).done;) {
    length += next.value.length;
    if (length > maxBody) {
      await reader.cancel().catch(() => {});
      throw tooLarge();
    }
    chunks.push(next.value);
  }
  let body;
  try {
    body = JSON.parse(await new Blob(chunks).text());
  } catch (cause) {
    throw new Refusal(400, 'E_JSON', `The body is not valid JSON: ${cause.message}.`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refusal(400, 'E_JSON', 'The body must be a JSON object.');
  return body;
}

function checkTools(tools, maxTools) {
  if (typeof tools !== 'object' || tools === null) throw new Refusal(400, 'E_TOOLS', '`tools` must be a list of tools, or an object of tools by name.');
  const count = Object.keys(tools).length;
  if (count > maxTools) throw new Refusal(413, 'E_TOOLS', `There are ${count} tools; at most ${maxTools} are read here.`);
}

/** @param {{createRouter: (options?: object) => Promise<import('thimble').Router>}} package_ the package's entry for the platform
 * @returns {(request: Request, env?: Record<string, any>, context?: {ip?: string, waitUntil?(promise: Promise<unknown>): void}) => Promise<Response>} */
export function createHandler({ createRouter }) {
  let opening = null;
  let atOnce = 0;

  /** Opened by the first request, not at start, where Workers allow little time; a failure is not kept. */
  function open(context) {
    if (!opening) {
      opening = createRouter({ worker: false }).then((router) => ({ router, lists: new PreparedLists(router) }));
      opening.catch(() => (opening = null));
      // Other requests wait for it too, so it must not end with the one that began it.
      context.waitUntil?.(opening.catch(() => {}));
    }
    return opening;
  }

  async function route(query, tools, options, context) {
    const { lists } = await open(context);
    return lists.route(query, tools, options);
  }

  /** Runs `work` unless too many are at it already, be it reading bodies, routing, or waiting for the upstream. */
  async function inTurn(work, most) {
    if (atOnce >= most) throw new Refusal(503, 'E_BUSY', `${atOnce} requests are being answered already; try again in a moment.`, { 'retry-after': '1' });
    atOnce++;
    try {
      return await work();
    } finally {
      atOnce--;
    }
  }

  async function answerRoute(body, limits, context) {
    const { query, tools, maxCalls, minConfidence, toolChoice, schema } = body;
    if (typeof query !== 'string') throw new Refusal(400, 'E_QUERY', '`query` must be a string.');
    checkTools(tools, limits.maxTools);
    return json(await route(query, tools, { maxCalls, minConfidence, toolChoice, schema }, context), 200, {});
  }

  async function answerChat(body, limits, request, context) {
    const query = lastRequest(body.messages);
    const wanted = query !== null && body.tools?.length > 0 && body.tool_choice !== 'none';
    if (wanted) {
      checkTools(body.tools, limits.maxTools);
      const result = await route(query, body.tools, { toolChoice: body.tool_choice, schema: 'lenient' }, context)
        .catch((error) => {
          if (limits.upstream && STATUS[error.code]) return null; // too long, a schema that is not for Thimble: a larger model may do
          throw error;
        });
      const sure = result !== null && result.calls.length > 0 && result.confidence >= limits.sure;
      if (sure || (result !== null && !limits.upstream)) return body.stream ? chatStream(result) : json(chatAnswer(result), 200, { 'x-thimble-route': 'device' });
    }
    if (!limits.upstream) throw new Refusal(422, 'E_UPSTREAM', 'This needs a model that writes text (no tools, or the last message is not the user\'s), and no UPSTREAM_URL is configured.');
    return askUpstream(body, limits, request);
  }

  async function handle(request, limits, context) {
    const { pathname } = new URL(request.url);
    if (request.method === 'OPTIONS') return new Response(null, { status: 204 });
    if (pathname === '/' && request.method === 'GET') {
      return json({ name: 'thimble', endpoints: ['POST /route', 'POST /v1/chat/completions'], limits: { body: limits.maxBody, tools: limits.maxTools, atOnce: limits.maxAtOnce } }, 200, {});
    }
    if (pathname !== '/route' && pathname !== '/v1/chat/completions') throw new Refusal(404, 'E_PATH', `There is no ${pathname} here; POST to /route or /v1/chat/completions.`);
    if (request.method !== 'POST') throw new Refusal(405, 'E_METHOD', `${pathname} takes POST.`, { allow: 'POST, OPTIONS' });
    if (limits.limiter && !(await limits.limiter.limit({ key: context.ip ?? 'all' })).success) {
      throw new Refusal(429, 'E_RATE', 'Too many requests from this address; wait a minute.', { 'retry-after': '60' });
    }
    const given = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? '';
    if (limits.apiKey && !await same(given, limits.apiKey)) throw new Refusal(401, 'E_KEY', 'The key is missing or wrong; send `authorization: Bearer KEY`.', { 'www-authenticate': 'Bearer' });
    return inTurn(async () => {
      const body = await readJson(request, limits.maxBody);
      return pathname === '/route' ? answerRoute(body, limits, context) : answerChat(body, limits, request, context);
    }, limits.maxAtOnce);
  }

  return async (request, env = {}, context = {}) => {
    let response;
    try {
      response = await handle(request, settings(env), context);
    } catch (error) {
      const status = error.status ?? STATUS[error.code] ?? 500;
      if (status === 500 && !error.code) console.error(error);
      const message = status === 500 && !error.code ? 'Something went wrong here.' : error.message;
      response = json({ error: { code: error.code ?? 'E_INTERNAL', message, type: status < 500 ? 'invalid_request_error' : 'server_error' } }, status, error.headers ?? {});
    }
    for (const [name, value] of Object.entries(cors(request, env.ALLOW_ORIGIN || '*'))) response.headers.set(name, value);
    return response;
  };
}

async function askUpstream(body, { upstream, upstreamKey, upstreamModel, apiKey }, request) {
  // The key of this service is nobody else's business; without one, the caller's is meant for the upstream.
  const authorization = upstreamKey ? `Bearer ${upstreamKey}` : apiKey ? null : request.headers.get('authorization');
  const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) };
  let response;
  try {
    response = await fetch(upstream, { method: 'POST', headers, body: JSON.stringify(upstreamModel ? { ...body, model: upstreamModel } : body) });
  } catch (cause) {
    throw new Refusal(502, 'E_UPSTREAM', `The upstream could not be reached (${cause.message}).`);
  }
  return new Response(response.body, { status: response.status, headers: { 'content-type': response.headers.get('content-type') ?? 'application/json', 'x-thimble-route': 'upstream' } });
}
