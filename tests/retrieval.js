// node tests/retrieval.js [--model DIR] [--k 8]
//
// How often the right tool is among the k that retrieve() puts first, out of the 200 tools of models/data/dev/long_list.json:
// all tools of the held-out domains, and others. Requests are for tools of the held-out domains. Through the public API.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createRouter } from '../dist/node.js';

const { values: options } = parseArgs({ options: { model: { type: 'string' }, k: { type: 'string', default: '8' } } });
const k = Number(options.k);
const { tools, requests } = JSON.parse(readFileSync('models/data/dev/long_list.json', 'utf8'));

const router = await createRouter(options.model ? { weights: `${options.model}/model.safetensors` } : {});
const prepared = await router.prepare(tools);
let first = 0;
let among = 0;
let routed = 0;
for (const { query, tool } of requests) {
  const found = (await router.retrieve(query, prepared, { limit: k })).tools.map((t) => t.name);
  const { calls } = await router.route(query, prepared);
  first += found[0] === tool;
  among += found.includes(tool);
  routed += calls.length === 1 && calls[0].name === tool;
}
await router.dispose();
const part = (hits) => `${((100 * hits) / requests.length).toFixed(1)} %`;
console.log(`${tools.length} tools, n ${requests.length}: right tool first ${part(first)}, among ${k} ${part(among)}; routed to it alone ${part(routed)}`);
