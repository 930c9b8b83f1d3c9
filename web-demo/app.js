/** The demo page: what belongs to what. */
import { noteCard, loadingProblem, resultCards, routeProblem, SURE } from './cards.js';
import { drawSplit, median, Plot } from './chart.js';
import { byId, h, megabytes, ms } from './dom.js';
import { Editor } from './editor.js';
import { clearCache, Engine, TOOL_ERRORS } from './engine.js';
import { pretty } from './json-text.js';
import { SETS } from './sets.js';
import { Shelf } from './shelf.js';
import { offerVoice } from './voice.js';

const TYPING_MS = 250;

const request = byId('request');
const results = byId('results');
const engine = new Engine();
const shelf = new Shelf(byId('shelf'), byId('shelf-summary'));
const plot = new Plot(byId('plot'), byId('plot-table'));
const editor = new Editor({ area: byId('json'), gutter: byId('json-gutter'), band: byId('json-band'), message: byId('json-message') }, checkTools);

let set = SETS[0];
/** The wasm build in use; null until the model is there. */
let simd = null;
let turn = 0;
/** The request that is being carried out; no preview may take its place. */
let underway = null;

const checkedValue = (name) => document.querySelector(`input[name=${name}]:checked`)?.value;
const isPrepared = () => checkedValue('prepared') === 'yes';

// ---- the page's own tools ----------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId('theme').textContent = theme === 'dark' ? 'Light mode' : 'Dark mode';
  document.querySelector('meta[name=theme-color]').content = getComputedStyle(document.body).backgroundColor;
  try {
    localStorage.setItem('theme', theme);
  } catch {
    // no storage: it holds until the next visit
  }
  return `${theme === 'dark' ? 'Dark' : 'Light'} mode is on.`;
}

const SECTION_IDS = { top: 'top', shelf: 'panel', tools: 'panel', timing: 'timing', 'how it works': 'how' };

function goTo(id) {
  byId(id).scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
}

function scrollTo({ section }) {
  if (!Object.hasOwn(SECTION_IDS, section)) return `There is no section ${section}.`;
  if (section === 'shelf' || section === 'tools') showView(section);
  goTo(SECTION_IDS[section]);
  return `Here is ${section}.`;
}

const ACTIONS = {
  set_theme: ({ theme }) => (['dark', 'light'].includes(theme) ? setTheme(theme) : `There is no ${theme} theme.`),
  filter_items: (wanted) => shelf.filter(wanted),
  sort_items: (wanted) => shelf.sort(wanted),
  add_item: (item) => shelf.add(item),
  highlight_item: (item) => shelf.point(item),
  scroll_to: scrollTo,
};

const ON_SHELF = ['filter_items', 'sort_items', 'add_item', 'highlight_item'];

/** Carries a call out. What to tell of it on its card. */
function act(call) {
  if (!Object.hasOwn(ACTIONS, call.name)) return { text: 'This page has no action of that name.' };
  const text = ACTIONS[call.name](call.arguments);
  if (!ON_SHELF.includes(call.name)) return { text };
  showView('shelf');
  return { text, action: { label: 'See the shelf', look: 'see', run: () => goTo('panel') } };
}

// ---- routing ------------------------------------------------------------------------------------------

/** @param {boolean} acting whether the user asked for it to happen; else it is a preview while typing */
async function route(acting) {
  const query = request.value.trim();
  if (!simd || !query || (!acting && query === underway)) return;
  const mine = ++turn;
  const asked = set;
  const outdated = () => set !== asked || (mine !== turn && !acting);
  if (acting) underway = query;
  const how = { simd, prepared: isPrepared() };
  try {
    const { result, time } = await engine.route(query, editor.text, how);
    plot.add({ query, total: time.total, ...how });
    if (outdated()) return;
    drawSplit(byId('split'), time, result.usage);
    show(query, result, acting);
  } catch (error) {
    if (outdated()) return;
    results.replaceChildren(routeProblem(error));
    if (acting) byId('spoken').textContent = error.message;
    if (acting && TOOL_ERRORS.includes(error.code)) showView('json');
  } finally {
    if (acting && underway === query) underway = null;
  }
}

function show(query, result, acting) {
  const states = result.calls.map((call) => stateOf(query, result, call, acting));
  results.replaceChildren(...resultCards(query, result, states));
  if (!acting) return;
  const names = result.calls.map((call) => call.name).join(', ');
  const said = states.map((state) => state?.text ?? '').join(' ');
  byId('spoken').textContent = names ? `${result.calls.length} calls: ${names}. ${said}` : 'No tool fits.';
}

function stateOf(query, result, call, acting) {
  const unsure = call.confidence < SURE;
  if (set.id !== 'page') return unsure ? { text: 'Not sure: an app would ask before it acts.' } : null;
  if (acting && !unsure) return act(call);
  const run = () => {
    const done = act(call);
    results.replaceChildren(...resultCards(query, result, result.calls.map((other) => (other === call ? done : null))));
    byId('spoken').textContent = done.text;
  };
  if (acting) return { text: 'Not sure enough to act.', action: { label: 'Do it anyway', run } };
  return { text: unsure ? 'Not sure.' : 'Press Route to do it.' };
}

/** Validates the tools by having the engine read them. */
async function checkTools(text) {
  if (!simd) return '';
  const { tools, ms: time } = await engine.prepare(simd, text);
  listTools(JSON.parse(text));
  route(false);
  return `${tools.count} tools, read in ${ms(time)} ms.`;
}

function listTools(tools) {
  const entries = Array.isArray(tools) ? tools : Object.entries(tools).map(([name, tool]) => ({ name, ...tool }));
  byId('tools').replaceChildren(...entries.map((entry) => {
    const tool = entry.function ?? entry;
    const schema = tool.parameters ?? tool.inputSchema ?? tool.schema ?? {};
    const required = schema.required ?? [];
    const names = Object.entries(schema.properties ?? {}).map(([name, { enum: values, type }]) =>
      h('li', {}, h('code', {}, name, required.includes(name) ? '' : '?'), ' ', values ? values.join(' | ') : [type].flat().join(' | ')));
    return h('li', {}, h('h3', {}, h('code', {}, tool.name)), h('p', {}, tool.description ?? ''), names.length > 0 && h('ul', {}, ...names));
  }));
}

// ---- choosing -----------------------------------------------------------------------------------------

function radio(name, value, label, checked) {
  return h('label', {}, h('input', { type: 'radio', name, value, checked }), h('span', {}, label));
}

function showView(view) {
  for (const part of document.querySelectorAll('[data-view]')) part.hidden = part.dataset.view !== view;
  document.querySelector(`input[name=view][value=${view}]`).checked = true;
}

function choose(id) {
  set = SETS.find((one) => one.id === id);
  byId('about').textContent = set.about;
  byId('examples').replaceChildren(...set.examples.map((text) => h('li', {}, h('button', { type: 'button', class: 'example', onclick: () => use(text) }, text))));
  byId('view-shelf').hidden = set.id !== 'page';
  showView(set.id === 'page' ? 'shelf' : 'tools');
  request.value = set.examples[0];
  results.replaceChildren();
  listTools(set.tools);
  return editor.show(pretty(set.tools));
}

function use(text) {
  request.value = text;
  route(true);
}

// ---- the model ----------------------------------------------------------------------------------------

function onProgress({ phase, loaded, total, fraction, fromCache }) {
  byId('progress').value = fraction;
  if (phase === 'ready' || total === 0) return;
  byId('status').textContent = phase === 'weights'
    ? `Model: ${megabytes(loaded)} of ${megabytes(total)} MB ${fromCache ? 'so far' : 'from the network'}`
    : { wasm: 'Getting the engine…', verify: 'Checking the model…', init: 'Starting…' }[phase];
}

async function load() {
  const begin = performance.now();
  let last = { loaded: 0, fromCache: false };
  byId('status').textContent = 'Getting the model…';
  results.replaceChildren();
  try {
    simd = await engine.start((progress) => onProgress((last = progress)));
  } catch (error) {
    byId('status').textContent = 'There is no model.';
    results.replaceChildren(loadingProblem(error, load));
    if (!navigator.onLine) addEventListener('online', load, { once: true });
    return;
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const from = last.fromCache ? 'from this device' : 'from the network';
  const { kernels } = await engine.info(simd);
  byId('status').textContent = `Ready in ${seconds} s: ${megabytes(last.loaded)} MB ${from}, engine ${kernels}.`;
  byId('go').disabled = byId('measure').disabled = false;
  offerEngines();
  await editor.checkNow();
  keepForOffline();
}

function offerEngines() {
  for (const input of document.querySelectorAll('input[name=simd]')) {
    input.checked = input.value === simd;
    input.disabled = simd !== 'relaxed' && input.value === 'relaxed';
    if (input.disabled) input.parentElement.title = 'This browser has no relaxed SIMD.';
  }
}

async function keepForOffline() {
  try {
    await navigator.serviceWorker.register('sw.js', { type: 'module' });
    await navigator.serviceWorker.ready;
    byId('offline').textContent = 'Works offline from now on.';
  } catch {
    byId('offline').textContent = 'This browser does not keep the page for offline use.';
  }
}

async function forget() {
  await clearCache();
  for (const registration of await navigator.serviceWorker?.getRegistrations() ?? []) await registration.unregister();
  await globalThis.caches?.delete('thimble-demo'); // none without HTTPS
  byId('offline').textContent = 'Removed. This tab still has it in memory until you close it.';
}

// ---- comparing ----------------------------------------------------------------------------------------

const RUNS = { yes: 20, no: 5 };

async function measure() {
  const query = request.value.trim();
  if (!query) return;
  const button = byId('measure');
  button.disabled = true;
  try {
    for (const build of ['relaxed', 'baseline']) {
      for (const prepared of ['yes', 'no']) {
        const cell = byId(`${build}-${prepared}`);
        if (document.querySelector(`input[name=simd][value=${build}]`).disabled) {
          cell.textContent = 'not here';
          continue;
        }
        cell.textContent = '…';
        cell.textContent = ms(await medianOf(query, { simd: build, prepared: prepared === 'yes' }, RUNS[prepared]));
      }
    }
  } catch (error) {
    byId('measured-note').textContent = error.message;
  }
  button.disabled = false;
}

async function medianOf(query, how, runs) {
  const times = [];
  for (let i = -1; i < runs; i++) { // the first one warms up
    const { time } = await engine.route(query, editor.text, how);
    if (i >= 0) times.push(time.total);
  }
  return median(times);
}

async function changeEngine(wanted) {
  try {
    await engine.info(wanted);
    if (checkedValue('simd') !== wanted) return; // another choice was quicker
    simd = wanted;
    await editor.checkNow();
  } catch (error) {
    if (checkedValue('simd') !== wanted) return;
    document.querySelector(`input[name=simd][value=${simd}]`).checked = true;
    results.replaceChildren(noteCard('problem', 'That engine is not on this device yet', error.message));
  }
}

// ---- listening ----------------------------------------------------------------------------------------

let typing = 0;
request.addEventListener('input', () => {
  clearTimeout(typing);
  if (isPrepared()) typing = setTimeout(() => route(false), TYPING_MS);
});
request.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId('form').requestSubmit();
});
byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(typing);
  route(true);
});
byId('sets').append(...SETS.map(({ id, title }, i) => radio('set', id, title, i === 0)));
byId('sets').addEventListener('change', () => choose(checkedValue('set')));
byId('views').addEventListener('change', () => showView(checkedValue('view')));
byId('shelf-reset').addEventListener('click', () => shelf.reset());
byId('json-reset').addEventListener('click', () => editor.show(pretty(set.tools)));
byId('theme').addEventListener('click', () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
byId('measure').addEventListener('click', measure);
byId('forget').addEventListener('click', forget);
for (const input of document.querySelectorAll('input[name=prepared]')) input.addEventListener('change', () => route(false));
for (const input of document.querySelectorAll('input[name=simd]')) input.addEventListener('change', () => changeEngine(input.value));
offerVoice(byId('voice'), {
  heard(text, final) {
    request.value = text;
    route(final);
  },
  status: (text) => (byId('about').textContent = text),
});

byId('theme').textContent = document.documentElement.dataset.theme === 'dark' ? 'Light mode' : 'Dark mode';
choose(set.id);
document.documentElement.dataset.filled = '';
load();
