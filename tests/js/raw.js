/** The wasm engine without the loader, for comparisons byte for byte. Runs in Node and Deno. */

/** An instance, of bytes or a module, and the ways to get bytes and texts in and out of it. */
export async function instance(wasm) {
  const made = await WebAssembly.instantiate(wasm, {});
  const { exports } = made.instance ?? made;
  const view = (pointer, n) => new Uint8Array(exports.memory.buffer, pointer, n);
  const put = (bytes) => {
    const pointer = exports.thimble_alloc(bytes.length);
    view(pointer, bytes.length).set(bytes);
    return pointer;
  };
  const text = (name) => new TextDecoder().decode(view(exports[name](), exports[`${name}_length`]()));
  const check = (status) => {
    if (status < 0) throw new Error(text('thimble_message'));
    return status;
  };
  return { exports, view, put, text, check };
}

export async function rawEngine(wasm, weights, vocabulary) {
  const { exports, put, text, check } = await instance(wasm);
  check(exports.thimble_open(put(weights), weights.length, put(vocabulary), vocabulary.length, 0, 0));
  check(exports.thimble_info());
  const encoder = new TextEncoder();
  return {
    info: JSON.parse(text('thimble_output')),
    /** The answer as the engine wrote it, or the message of the error. */
    route(tools, query) {
      const [t, q] = [encoder.encode(tools), encoder.encode(query)];
      const [tp, qp] = [put(t), put(q)];
      let list = 0;
      try {
        list = check(exports.thimble_prepare(tp, t.length, 0));
        check(exports.thimble_encode(list, qp, q.length, 0, 0, 0, 0, 0));
        check(exports.thimble_decode());
        return text('thimble_output');
      } catch (error) {
        return error.message;
      } finally {
        if (list > 0) exports.thimble_release(list);
        exports.thimble_free(tp);
        exports.thimble_free(qp);
      }
    },
  };
}

/** `count` of the dev examples, evenly spread, as lines for `thimble batch`. */
export function sample(texts, count) {
  const lines = texts.flatMap((text) => text.trim().split('\n'));
  const step = Math.max(1, Math.floor(lines.length / count));
  return lines.filter((_, i) => i % step === 0).slice(0, count).map((line, id) => {
    const { query, tools } = JSON.parse(line);
    return { id, query, tools };
  });
}
