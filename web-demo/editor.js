/** The tools as JSON: line numbers, and the engine's own verdict at the line it is about. */
import { h } from './dom.js';
import { lineOfError } from './json-text.js';

const WAIT_MS = 200;

export class Editor {
  #timer = 0;
  #line = null;
  #turn = 0;

  /** @param {{area: HTMLTextAreaElement, gutter: HTMLElement, band: HTMLElement, message: HTMLElement}} parts
   * @param {(text: string) => Promise<string>} check resolves to a word of praise, rejects with the engine's error */
  constructor(parts, check) {
    Object.assign(this, parts);
    this.check = check;
    this.area.addEventListener('input', () => this.#changed());
    this.area.addEventListener('scroll', () => this.#place());
  }

  get text() {
    return this.area.value;
  }

  /** Puts other tools in and checks them at once. */
  show(text) {
    this.area.value = text;
    this.area.scrollTop = this.area.scrollLeft = 0;
    this.#verdict(null, '');
    return this.checkNow();
  }

  #changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.checkNow(), WAIT_MS);
    this.#number();
  }

  async checkNow() {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const text = this.text;
    try {
      const praise = await this.check(text);
      if (turn === this.#turn) this.#verdict(null, praise);
    } catch (error) {
      if (turn === this.#turn) this.#verdict(lineOfError(text, error), error.message, true);
    }
  }

  #verdict(line, message, wrong = false) {
    this.#line = line;
    this.message.textContent = wrong && line ? `Line ${line}: ${message}` : message;
    this.message.classList.toggle('wrong', wrong);
    if (wrong) this.area.setAttribute('aria-invalid', 'true');
    else this.area.removeAttribute('aria-invalid');
    this.#number();
  }

  #number() {
    const count = this.text.split('\n').length;
    this.gutter.replaceChildren(...Array.from({ length: count }, (_, i) => h('span', { class: i + 1 === this.#line ? 'wrong' : null }, `${i + 1}`)));
    this.#place();
  }

  #place() {
    this.gutter.scrollTop = this.area.scrollTop;
    this.band.hidden = this.#line === null;
    if (this.#line !== null) this.band.style.setProperty('transform', `translateY(calc(${this.#line - 1} * var(--line) - ${this.area.scrollTop}px))`);
  }
}
