/** Tool lists that stay prepared: clients send the same ones again and again, and reading them is most of the work. */

const KEPT = 16;

export class PreparedLists {
  /** key -> {ready: Promise<PreparedTools>, users: number}; the one used last is last. */
  #lists = new Map();

  /** @param {import('thimble').Router} router */
  constructor(router) {
    this.router = router;
  }

  async route(query, tools, options) {
    const schema = options.schema ?? 'strict';
    const key = `${schema} ${JSON.stringify(tools)}`;
    const list = this.#lists.get(key) ?? { ready: this.router.prepare(tools, { schema }), users: 0 };
    this.#lists.delete(key);
    this.#lists.set(key, list);
    list.users++;
    try {
      return await this.router.route(query, await list.ready, options);
    } catch (error) {
      list.ready.catch(() => this.#lists.get(key) === list && this.#lists.delete(key));
      throw error;
    } finally {
      list.users--;
      this.#trim();
    }
  }

  #trim() {
    for (const [key, list] of this.#lists) {
      if (this.#lists.size <= KEPT) return;
      if (list.users > 0) continue;
      this.#lists.delete(key);
      list.ready.then((tools) => tools.dispose(), () => {});
    }
  }
}
