// node tests/retrieval.js [--model DIR] [--k 8]
//
// Long lists, requests for tools of the held-out domains, through the public API:
// * models/data/dev/list_lengths.json: the same requests with 5, 20 and 40 tools, each list the beginning of the next;
// * models/data/dev/long_list.json: 200 tools, all of the held-out domains and others; how often the right one is among the k that
//   retrieve() puts first.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { createRouter } from '../dist/node.js';

const { values: options } = parseArgs({ options: { model: { type: 'string' }, k: { type: 'string', default: '8' } } });
const k = Number(options.k);
const read = (name) => JSON.parse(readFileSync(`models/data/dev/${name}`, 'utf8'));
const router = await createRouter(options.model ? { weights: `${options.model}/model.safetensors` } : {});
const plain = (calls) => calls.map(({ name, arguments: values }) => ({ name, arguments: values }));
const part = (hits, n) => `${((100 * hits) / n).toFixed(1)} %`;

async function lengths() {
  const { lengths, tools, requests } = read('list_lengths.json');
  for (const length of lengths) {
    let right = 0;
    let exact = 0;
    let none = 0;
    for (const { query, calls: wanted, list } of requests) {
      const { calls } = await router.route(query, list.slice(0, length).map((i) => tools[i]), { minConfidence: 0 });
      right += calls.length === 1 && calls[0].name === wanted[0].name;
      exact += isDeepStrictEqual(plain(calls), wanted);
      none += calls.length === 0;
    }
    console.log(`${length} tools, n ${requests.length}: right tool ${part(right, requests.length)}, exact ${part(exact, requests.length)}, no call ${part(none, requests.length)}`);
  }
}

async function search() {
  const { tools, requests } = read('long_list.json');
  const prepared = await router.prepare(tools);
  let first = 0;
  let among = 0;
  let routed = 0;
  for (const { query, tool } of requests) {
    const found = (await router.retrieve(query, prepared, { limit: k })).tools.map((t) => t.name);
    const { calls } = await router.route(query, prepared, { minConfidence: 0 });
    first += found[0] === tool;
    among += found.includes(tool);
    routed += calls.length === 1 && calls[0].name === tool;
  }
  const n = requests.length;
  console.log(`${tools.length} tools, n ${n}: right tool first ${part(first, n)}, among ${k} ${part(among, n)}; routed to it alone ${part(routed, n)}`);
}

await lengths();
await search();
await router.dispose();
