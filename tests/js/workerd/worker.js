/** The worker under test: /route and /stats, with the model as data modules or from the assets binding. */
import needleVocabulary from './needle.txt';
import needleWeights from './needle.bin';
import needleEngine from './needle-relaxed.wasm';
import { createRouter, RouterError } from './workerd.js';

let ready = null;

/** The router of this isolate, made in the first request; a failure is not kept. */
function router(env, assets) {
  const options = assets ? { weights: 'https://assets.local/manifest.json', fetch: (url, init) => env.ASSETS.fetch(url, init), cache: 'none' } : {};
  ready ??= createRouter(options).catch((error) => {
    ready = null;
    throw error;
  });
  return ready;
}

async function answer(request, env) {
  const url = new URL(request.url);
  if (url.pathname === '/ping') return 'pong';
  if (url.pathname === '/blocked') return createRouter({ wasm: await (await env.ASSETS.fetch('https://assets.local/engine.wasm')).arrayBuffer() });
  if (url.pathname === '/worker') return createRouter({ worker: true });
  if (url.pathname === '/needle') {
    const { query, tools, options } = await request.json();
    const own = url.searchParams.has('engine') ? {} : { wasm: needleEngine };
    const needle = await createRouter({ weights: needleWeights, vocabulary: new TextEncoder().encode(needleVocabulary), numeric: 'exact', grammar: 'free', ...own });
    return needle.route(query, tools, options);
  }
  const routes = await router(env, url.searchParams.has('assets'));
  if (url.pathname === '/info') return routes.info;
  const { query, tools, times = 1 } = await request.json();
  let result;
  for (let i = 0; i < times; i++) result = await routes.route(query, tools);
  return result;
}

export default {
  async fetch(request, env) {
    try {
      return Response.json(await answer(request, env));
    } catch (error) {
      return Response.json({ error: error instanceof RouterError ? error.code : 'other', message: error.message }, { status: 500 });
    }
  },
};
