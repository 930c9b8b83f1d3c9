/** JSON as people read it: where a value stands, and a layout that is short. */

/** JSON pointer ('/0/parameters') -> line (from 1) of the key or, in arrays, of the value. For valid JSON. */
export function linesOf(text) {
  const lines = new Map([['', 1]]);
  const stack = []; // {pointer, index: number in arrays, null in objects, key}
  let line = 1;
  const pointer = () => {
    const top = stack.at(-1);
    return top ? `${top.pointer}/${top.index ?? top.key}` : '';
  };
  for (const [token] of text.matchAll(/\n|"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g)) {
    const top = stack.at(-1);
    if (token === '\n') {
      line++;
    } else if (token === '}' || token === ']') {
      stack.pop();
    } else if (token === ',') {
      if (top.index === null) top.key = null;
      else top.index++;
    } else if (token !== ':') {
      if (top?.index === null && top.key === null) {
        top.key = JSON.parse(token).replaceAll('~', '~0').replaceAll('/', '~1');
        lines.set(pointer(), line);
        continue;
      }
      if (!lines.has(pointer())) lines.set(pointer(), line);
      if (token === '{' || token === '[') stack.push({ pointer: pointer(), index: token === '[' ? 0 : null, key: null });
    }
  }
  return lines;
}

const nameOf = (tool) => tool?.function?.name ?? tool?.name;

/** Where one error of the engine stands in the tools' text: a line from 1, or null. */
export function lineOfError(text, { code, message }) {
  const place = /at line (\d+), column (\d+)/.exec(message);
  if (place) return Number(place[1]);
  if (code === 'E_JSON') return text.split('\n').length;
  let tools;
  try {
    tools = JSON.parse(text);
  } catch {
    return null;
  }
  const lines = linesOf(text);
  const base = baseOf(tools, message);
  if (base === null) return null;
  const path = (/ at ((?:\/[^\s/]+)+)/.exec(message)?.[1] ?? '').replace(/[.,;]$/, '');
  // The engine writes pointers as of a flat tool; in the file the schema may have another name or be nested.
  const forms = [path, `/function${path}`, path.replace('/parameters', '/inputSchema'), path.replace('/parameters', '/schema')];
  const deepest = forms.map((form) => {
    let pointer = base + form;
    while (pointer.length > base.length && !lines.has(pointer)) pointer = pointer.slice(0, pointer.lastIndexOf('/'));
    return pointer;
  }).reduce((a, b) => (b.length > a.length ? b : a));
  return lines.get(deepest) ?? null;
}

/** The pointer of the tool that a message is about; of the second one for "two tools are called". */
function baseOf(tools, message) {
  const index = /tool (\d+)\b/.exec(message)?.[1];
  if (index !== undefined) return `/${index}`;
  const name = /"((?:[^"\\]|\\.)*)"/.exec(message)?.[1];
  if (name === undefined) return null;
  if (!Array.isArray(tools)) return name in tools ? `/${name}` : null;
  const at = /^\S*\s*two tools/.test(message) ? tools.findLastIndex((t) => nameOf(t) === name) : tools.findIndex((t) => nameOf(t) === name);
  return at < 0 ? null : `/${at}`;
}

/** On one line, with a space after colons and commas. */
function flat(value) {
  if (Array.isArray(value)) return `[${value.map(flat).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${flat(item)}`).join(', ')}}`;
}

/** Indented JSON in which what fits on one line of `width` stays on it. */
export function pretty(value, width = 72, indent = '', before = 0) {
  const line = flat(value);
  if (line.length + indent.length + before <= width || typeof value !== 'object' || value === null) return line;
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const items = Array.isArray(value)
    ? value.map((item) => pretty(item, width, deeper))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${pretty(item, width, deeper, key.length + 4)}`);
  return `${open}\n${items.map((item) => deeper + item).join(',\n')}\n${indent}${close}`;
}
