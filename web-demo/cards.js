/** What came out of a route: call cards, and cards for the times when there is no call. */
import { h, percent } from './dom.js';

/** Below this a call is shown but not carried out: about every other such call is wrong. */
export const SURE = 0.5;

const spansOf = ({ span }) => (span === null ? [] : typeof span[0] === 'number' ? [span] : span.filter(Boolean));

/** Where a value chosen from a list is itself a word of the request: a likely reason for it, which the engine does not give. */
function mention(query, value) {
  if (typeof value !== 'string' || !value) return [];
  const at = query.toLowerCase().indexOf(value.toLowerCase());
  const end = at + value.length;
  const inside = /[\p{L}\p{N}]/u;
  return at < 0 || inside.test(query[at - 1] ?? ' ') || inside.test(query[end] ?? ' ') ? [] : [[at, end]];
}

/** The request with the words marked that became arguments: filled where they are quoted, outlined where they name the choice. */
function echo(query, call, details) {
  const marks = details.flatMap((detail, i) => {
    const quoted = spansOf(detail);
    const spans = quoted.length > 0 ? quoted : mention(query, valueAt(call.arguments, detail.path));
    return spans.map(([start, end]) => ({ start, end, label: detail.path.join('.'), look: quoted.length > 0 ? `tone-${i % 5}` : 'chosen' }));
  }).sort((a, b) => a.start - b.start);
  const line = h('p', { class: 'echo' });
  let at = 0;
  for (const { start, end, look, label } of marks) {
    if (start < at) continue; // two arguments from the same words: the first is marked
    line.append(query.slice(at, start), h('mark', { class: look, title: label }, query.slice(start, end)));
    at = end;
  }
  line.append(query.slice(at));
  return line;
}

function valueAt(value, path) {
  return path.reduce((inner, key) => inner?.[key], value);
}

function argumentRow(call, detail, i) {
  const value = valueAt(call.arguments, detail.path);
  const quoted = spansOf(detail).length > 0;
  return h('tr', {},
    h('th', { scope: 'row' }, h('span', { class: `key ${quoted ? `tone-${i % 5}` : 'chosen'}` }, detail.path.join('.'))),
    h('td', { class: 'value' }, JSON.stringify(value)),
    h('td', { class: 'source' }, quoted ? 'your words' : 'from its list'),
    h('td', { class: 'sure' }, percent(detail.confidence)));
}

function copyButton(text) {
  const button = h('button', { type: 'button', class: 'quiet' }, 'Copy JSON');
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    button.textContent = done ? 'Copied' : 'Not allowed here';
    setTimeout(() => (button.textContent = 'Copy JSON'), 1500);
  });
  return button;
}

/** @param {object} state what became of the call: {text, action?: {label, run, look?: a class}} or null */
function callCard(query, call, state) {
  const json = JSON.stringify({ name: call.name, arguments: call.arguments }, null, 2);
  const unsure = call.confidence < SURE;
  const details = call.details ?? [];
  const body = details.length > 0
    ? h('table', { class: 'arguments' },
      h('caption', { class: 'hidden-text' }, `Arguments of ${call.name}`),
      h('thead', { class: 'hidden-text' }, h('tr', {}, ...['argument', 'value', 'where from', 'confidence'].map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, ...details.map((detail, i) => argumentRow(call, detail, i))))
    : h('p', { class: 'none' }, 'No arguments.');
  const confidence = h('span', { class: 'confidence' }, h('span', { class: 'hidden-text' }, 'confidence '), percent(call.confidence));
  const meter = h('span', { class: 'meter', 'aria-hidden': 'true' }, h('span', {}));
  meter.firstChild.style.setProperty('inline-size', `${call.confidence * 100}%`);
  return h('li', { class: `card call${unsure ? ' unsure' : ''}`, 'data-tool': call.name },
    h('h3', {}, h('code', {}, call.name), meter, confidence),
    echo(query, call, details),
    body,
    h('div', { class: 'foot' },
      state && h('span', { class: 'state' }, state.text),
      state?.action && h('button', { type: 'button', class: `quiet ${state.action.look ?? ''}`.trim(), onclick: state.action.run }, state.action.label),
      h('details', {}, h('summary', {}, 'JSON'), h('pre', { tabindex: '0', 'aria-label': `JSON of ${call.name}` }, json)),
      copyButton(json)));
}

/** A card that is no call. `kind`: quiet | problem */
export function noteCard(kind, title, text, action) {
  return h('li', { class: `card note ${kind}` }, h('h3', {}, title), h('p', {}, text),
    action && h('div', { class: 'foot' }, h('button', { type: 'button', class: 'quiet', onclick: action.run }, action.label)));
}

/** All cards of one result. `states[i]` belongs to calls[i]. */
export function resultCards(query, result, states = []) {
  const cards = result.calls.map((call, i) => callCard(query, call, states[i] ?? null));
  for (const { name, missing } of result.incomplete) {
    const names = missing.map((path) => path.join('.')).join(', ');
    cards.push(noteCard('quiet', `${name} lacks something`,
      `It fits, but the request does not say its ${names}. Thimble never makes an argument up: it tells you what to ask for.`));
  }
  if (cards.length === 0) {
    cards.push(noteCard('quiet', 'No tool fits',
      `That is an answer, not a failure: calls is empty and abstained is true (${percent(result.confidence)} sure). An app would now pass the request on to a larger model.`));
  }
  if (result.stop === 'length') cards.push(noteCard('quiet', 'More was asked than one request may hold', 'At most eight calls are made for one request.'));
  return cards;
}

const LOADING = {
  E_SIMD: ['This browser has no WebAssembly SIMD', 'Thimble needs it. Chrome 91, Firefox 89 and Safari 16.4 have it, and everything newer.'],
  E_WASM_BLOCKED: ['WebAssembly is blocked here', 'The page’s Content-Security-Policy or a setting of the browser forbids it.'],
  E_INTEGRITY: ['The download was damaged', 'What arrived is not what was published. Nothing of it is kept.'],
};

/** Why there is no model. */
export function loadingProblem(error, retry) {
  const action = { label: 'Try again', run: retry };
  if (!navigator.onLine) {
    return noteCard('problem', 'You are offline and the model is not on this device yet',
      'Once it has been loaded, everything works without a network. It will load by itself when you are online again.', action);
  }
  const [title, text] = LOADING[error.code] ?? ['The model could not be loaded', ''];
  return noteCard('problem', title, `${text} ${error.message}`.trim(), error.code === 'E_SIMD' ? null : action);
}

/** Why a request was refused. */
export function routeProblem(error) {
  const titles = { E_TOO_LONG: 'The request is too long', E_QUERY: 'The request cannot be read', E_SCHEMA: 'A tool’s schema is refused', E_TOOLS: 'The tools are refused', E_JSON: 'The tools are not valid JSON' };
  return noteCard('problem', titles[error.code] ?? 'That went wrong', error.message);
}
