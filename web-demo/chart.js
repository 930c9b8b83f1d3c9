/** The time split of one route, and the plot of the last fifty. */
import { h, ms, svg } from './dom.js';

const KEPT = 50;

const PARTS = [
  ['read', 'reading the tools'],
  ['encode', 'reading the request'],
  ['decode', 'deciding'],
  ['other', 'to the worker and back'],
];

/** Bars in `box`: where the time went, and which decisions were forced. */
export function drawSplit(box, time, usage) {
  const chosen = usage.outputTokens - usage.forcedTokens;
  box.replaceChildren(
    bar('Time', `${ms(time.total)} ms`, PARTS.map(([key, label]) => ({ key, label, value: time[key], text: `${ms(time[key])} ms` }))),
    bar('Decisions', `${usage.outputTokens}`, [
      { key: 'decode', label: 'chosen by the model', value: chosen, text: `${chosen}` },
      { key: 'forced', label: 'forced: only one was allowed', value: usage.forcedTokens, text: `${usage.forcedTokens}` },
    ]));
}

function bar(title, total, parts) {
  const sum = parts.reduce((all, part) => all + part.value, 0) || 1;
  const segments = parts.filter((part) => part.value > 0).map((part) => {
    const segment = h('span', { class: `part ${part.key}` });
    segment.style.setProperty('flex-grow', String(part.value / sum));
    return segment;
  });
  return h('div', { class: 'split' },
    h('p', { class: 'split-title' }, title, ' ', h('strong', {}, total)),
    h('div', { class: 'bar', 'aria-hidden': 'true' }, ...segments),
    h('ul', { class: 'legend' }, ...parts.map((part) => h('li', { class: part.value > 0 ? '' : 'zero' },
      h('span', { class: `swatch ${part.key}`, 'aria-hidden': 'true' }), part.label, ' ', h('strong', {}, part.text)))));
}

const middle = (sorted) => (sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2);
export const median = (values) => middle([...values].sort((a, b) => a - b));

/** 1, 2 or 5 times a power of ten, at least `value`. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value);
}

/** Route times, newest at the right. Prepared are dots, unprepared squares; relaxed SIMD is filled, simd128 hollow. */
export class Plot {
  #routes = [];

  /** @param {HTMLElement} box @param {HTMLElement} table a tbody with the same figures */
  constructor(box, table) {
    this.box = box;
    this.table = table;
    new ResizeObserver(() => this.draw()).observe(box);
  }

  add(route) {
    this.#routes = [...this.#routes, route].slice(-KEPT);
    this.draw();
    const label = `${route.prepared ? 'prepared' : 'unprepared'}, ${route.simd === 'relaxed' ? 'relaxed SIMD' : 'simd128'}`;
    this.table.prepend(h('tr', {}, h('td', {}, route.query), h('td', {}, ms(route.total)), h('td', {}, label)));
    while (this.table.rows.length > KEPT) this.table.deleteRow(-1);
  }

  draw() {
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    if (width < 40) return;
    const times = this.#routes.map((route) => route.total);
    const top = niceTop(Math.max(10, ...times));
    const [left, right, bottom, head] = [40, 8, 20, 10];
    const x = (i) => left + ((i + 0.5 + KEPT - times.length) * (width - left - right)) / KEPT;
    const y = (value) => head + (1 - value / top) * (height - head - bottom);
    const label = times.length === 0
      ? 'Route times: none yet'
      : `Route times of the last ${times.length} request${times.length > 1 ? 's' : ''}: median ${ms(median(times))} ms, shortest ${ms(Math.min(...times))} ms, longest ${ms(Math.max(...times))} ms`;
    this.box.replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label },
      ...[0, top / 2, top].flatMap((value) => [
        svg('line', { class: 'rule', x1: left, x2: width - right, y1: y(value), y2: y(value) }),
        svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, `${value}`),
      ]),
      svg('text', { x: left, y: height - 4 }, '50 ago'),
      svg('text', { x: width - right, y: height - 4, 'text-anchor': 'end' }, 'now'),
      ...this.#routes.map((route, i) => mark(route, x(i), y(route.total)))));
  }
}

function mark({ prepared, simd, total }, x, y) {
  const kind = `mark ${simd}`;
  const title = svg('title', {}, `${ms(total)} ms`);
  return prepared ? svg('circle', { class: kind, cx: x, cy: y, r: 3.5 }, title) : svg('rect', { class: kind, x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4 }, title);
}
