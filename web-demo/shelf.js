/** The shelf of thimbles, and what the page's own tools do to it. */
import { h, svg } from './dom.js';

const COLLECTION = [
  ['Poppy', 'red', 18, 1998], ['Delft', 'blue', 24, 1962], ['Fern', 'green', 14, 2004], ['Canary', 'yellow', 11, 2011],
  ['Linen', 'white', 9, 1987], ['Sixpence', 'silver', 46, 1911], ['Cherry', 'red', 12, 2016], ['Harbour', 'blue', 16, 1979],
  ['Moss', 'green', 21, 1954], ['Saffron', 'yellow', 27, 1931], ['Ruby', 'red', 38, 1899], ['Tailor', 'silver', 52, 1874],
].map(([name, colour, price, year]) => ({ name, colour, price, year }));

const MOST = 24;

/** A thimble: body, rim, and rows of dimples. */
function picture() {
  const dimples = [];
  for (let row = 0; row < 4; row++) {
    for (let i = 0; i < 4 + (row > 1); i++) {
      dimples.push(svg('circle', { cx: 24 + (i - (3 + (row > 1)) / 2) * 5.4, cy: 14 + row * 6, r: 1.1 }));
    }
  }
  return svg('svg', { viewBox: '0 0 48 52', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { class: 'body', d: 'M15 9 Q16 3 24 3 Q32 3 33 9 L38 42 H10 Z' }),
    svg('g', { class: 'dimples' }, ...dimples),
    svg('rect', { class: 'rim', x: 7.5, y: 41, width: 33, height: 6, rx: 2.5 }));
}

export class Shelf {
  #items = COLLECTION.map((item) => ({ ...item }));
  #wanted = { colour: 'all', max: Infinity };
  #order = null;
  #pointed = null;

  /** @param {HTMLElement} grid @param {HTMLElement} summary */
  constructor(grid, summary) {
    this.grid = grid;
    this.summary = summary;
    this.draw();
  }

  #fits(item) {
    return (this.#wanted.colour === 'all' || item.colour === this.#wanted.colour) && item.price <= this.#wanted.max;
  }

  #sorted() {
    const items = [...this.#items];
    if (!this.#order) return items;
    const { by, sign } = this.#order;
    return items.sort((a, b) => sign * (by === 'name' ? a.name.localeCompare(b.name) : a[by] - b[by]));
  }

  /** Items that do not fit keep their place at the end, unseen, so that nothing below moves. */
  draw() {
    const items = this.#sorted();
    const shown = items.filter((item) => this.#fits(item));
    const rest = items.filter((item) => !this.#fits(item));
    this.grid.replaceChildren(...shown.map((item) => this.#card(item, false)), ...rest.map((item) => this.#card(item, true)));
    const order = this.#order ? `, by ${this.#order.by}` : '';
    this.summary.textContent = `${shown.length} of ${items.length}${order}`;
    return shown.length;
  }

  #card(item, away) {
    const pointed = !away && this.#pointed === item;
    return h('li', { class: `thimble ${item.colour}${away ? ' away' : ''}${pointed ? ' pointed' : ''}`, 'data-name': item.name, 'aria-current': pointed ? 'true' : null },
      picture(), h('span', { class: 'name' }, item.name),
      h('span', { class: 'facts' }, h('span', { class: 'hidden-text' }, `${item.colour}, `), `$${item.price} · ${item.year}`));
  }

  filter({ colour, max_price: max }) {
    this.#wanted = { colour: colour ?? 'all', max: max ?? Infinity };
    this.#pointed = null;
    return `Showing ${this.draw()} of ${this.#items.length}.`;
  }

  sort({ by, order }) {
    this.#order = { by, sign: order === 'highest first' ? -1 : 1 };
    this.draw();
    return `Sorted by ${by}, ${order ?? 'lowest first'}.`;
  }

  add({ name, colour, price }) {
    if (this.#items.length >= MOST) return `The shelf is full: ${MOST} items.`;
    const item = { name, colour: colour ?? 'white', price: price ?? 10, year: new Date().getFullYear() };
    this.#items.push(item);
    this.#pointed = item;
    if (!this.#fits(item)) this.#wanted = { colour: 'all', max: Infinity };
    this.draw();
    return `${name} is on the shelf.`;
  }

  point({ name }) {
    const wanted = name.toLowerCase();
    const item = this.#items.find((one) => one.name.toLowerCase() === wanted)
      ?? this.#items.find((one) => wanted.includes(one.name.toLowerCase()) || one.name.toLowerCase().includes(wanted));
    if (!item) return `There is no ${name} on the shelf.`;
    if (!this.#fits(item)) this.#wanted = { colour: 'all', max: Infinity };
    this.#pointed = item;
    this.draw();
    return `${item.name} is highlighted.`;
  }

  reset() {
    this.#items = COLLECTION.map((item) => ({ ...item }));
    this.#wanted = { colour: 'all', max: Infinity };
    this.#order = this.#pointed = null;
    this.draw();
  }
}
