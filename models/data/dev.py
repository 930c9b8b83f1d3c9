"""Writes the fixed dev files: dev/heldout_domains.jsonl (tools never trained) and dev/heldout_phrasings.jsonl (templates never
trained), one example a line: {"id", "kind", "query", "tools", "calls"}; string values are the query's own characters.

    python3 -m data.dev [--out data/dev] [--tokenizer tiny/tokenizer.model] [--only list_lengths]

The files in the repository were made before domains3/ joined the catalog and stay as they are, so that figures can be compared; only
their values lost a leading "the" afterwards, where values.split_the takes it away in training.

Kinds: one_tool; few (4-8 tools, half of one domain); near (4-8 of one domain); parallel (2-4 calls); none (no tool fits);
near_miss (a listed domain's request, its tool not listed); many (16-24 tools); noisy (typing errors, chatter, speech)."""
from __future__ import annotations

import argparse
import json
import pathlib

from . import catalog, rendering
from .generator import Generator
from .pack import Packer

# kind -> (examples, tool counts, kind of tool list)
KINDS = {
    'one_tool': (300, (1,), 'any'),
    'few': (200, (4, 4, 5, 5, 6, 7, 8), 'mixed'),
    'near': (200, (4, 4, 5, 5, 6, 7, 8), 'near'),
    'parallel': (200, (2, 3, 4, 5), 'mixed'),
    'none': (180, (1, 2, 3, 4, 5, 6), 'mixed'),
    'near_miss': (150, (1, 2, 3, 4, 5, 6), 'near'),
    'many': (45, (16, 18, 20, 22, 24), 'mixed'),
    'noisy': (240, (2, 3, 4, 5), 'mixed'),
}
LENGTHS = (5, 20, 40)
FILES = {'heldout_domains': ('domains', 501), 'heldout_phrasings': ('phrasings', 502)}


def example(generator: Generator, kind: str) -> dict | None:
    """A group of one request of the kind, or None if the attempt failed."""
    r = generator.rng
    _, counts, list_kind = KINDS[kind]
    count = r.choice(counts)
    generator.used.clear()
    generator.noise = 4.0 if kind == 'noisy' else 1.0
    tools = generator.tool_list(count, list_kind)
    if len(tools) != count:
        return None
    if kind in ('none', 'near_miss'):
        request = generator.no_call(tools, near_miss=kind == 'near_miss')
    else:
        request = generator.request(tools, r.choice((2, 2, 2, 3, 3, 4)) if kind == 'parallel' else 1)
    return request and {'tools': [t.definition for t in tools], 'requests': [request]}


def write(path: pathlib.Path, split: str, seed: int, packer: Packer) -> dict[str, int]:
    generator = Generator(seed, split)
    seen: set[str] = set()
    counts: dict[str, int] = {}
    with open(path, 'w', encoding='utf-8') as f:
        for kind, (wanted, _, _) in KINDS.items():
            number = 0
            while number < wanted:
                group = example(generator, kind)
                if group is None or group['requests'][0]['query'].lower() in seen or not packer.group(group):
                    continue
                request = group['requests'][0]
                seen.add(request['query'].lower())
                number += 1
                line = {'id': f'{split}-{kind}-{number:03}', 'kind': kind, 'query': request['query'], 'tools': group['tools'],
                        'calls': request['calls']}
                f.write(json.dumps(line, ensure_ascii=False, separators=(',', ':')) + '\n')
            counts[kind] = number
    return counts


def long_list(tools: int, requests: int, seed: int) -> dict:
    """All tools of the held-out domains, filled up to `tools` with others, and requests for the former: a list to search."""
    held, other = Generator(seed, 'domains'), Generator(seed, 'phrasings')
    chosen = held.tools + held.rng.sample(other.tools, tools - len(held.tools))
    style, definitions, wanted, names = rendering.Style(case='snake', param_descriptions=1.0), [], [], set()
    for i, tool in enumerate(chosen):
        rendered = rendering.render(held.rng, tool, style)
        while rendered.definition['name'] in names or not rendered.definition.get('description'):
            rendered = rendering.render(held.rng, tool, style)
        names.add(rendered.definition['name'])
        definitions.append(rendered.definition)
        if i < len(held.tools):
            wanted.append(rendered)
    rows = []
    while len(rows) < requests:
        target = held.rng.choice(wanted)
        held.used.clear()
        request = target.templates and held.request([target], 1)
        if request:
            rows.append({'query': request['query'], 'tool': target.definition['name']})
    held.rng.shuffle(definitions)
    return {'tools': definitions, 'requests': rows}


def list_lengths(requests: int, seed: int) -> dict:
    """Requests for tools of the held-out domains, each with LENGTHS[-1] tools of these domains, its own first: the first 5, 20, ...
    of them are lists that differ in nothing but their length. Every other tool is of the wanted one's domain, as long as it has any."""
    held = Generator(seed, 'domains')
    r, style, rendered, names = held.rng, rendering.Style(case='snake', param_descriptions=1.0), {}, set()
    for tool in held.tools:
        made = rendering.render(r, tool, style)
        while made.definition['name'] in names or not made.definition.get('description'):
            made = rendering.render(r, tool, style)
        names.add(made.definition['name'])
        rendered[tool.domain, tool.names] = made
    number = {key: i for i, key in enumerate(rendered)}
    rows, seen = [], set()
    while len(rows) < requests:
        tool = r.choice(held.tools)
        key = tool.domain, tool.names
        held.used.clear()
        request = rendered[key].templates and held.request([rendered[key]], 1)
        others = [t for t in r.sample(held.tools, len(held.tools)) if t is not tool and not catalog.alike(t, tool)]
        near, far = [t for t in others if t.domain == tool.domain], [t for t in others if t.domain != tool.domain]
        mixed = [t for pair in zip(near, far) for t in pair] + far[len(near):]
        if not request or request['query'].lower() in seen or len(mixed) < LENGTHS[-1] - 1:
            continue
        seen.add(request['query'].lower())
        rows.append({'query': request['query'], 'calls': request['calls'],
                     'list': [number[key]] + [number[t.domain, t.names] for t in mixed[:LENGTHS[-1] - 1]]})
    return {'lengths': LENGTHS, 'tools': [x.definition for x in rendered.values()], 'requests': rows}


def write_json(path: pathlib.Path, content: dict) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(',', ':')) + '\n', encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description='Writes the fixed dev files.')
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path('data/dev'))
    parser.add_argument('--tokenizer', default='tiny/tokenizer.model')
    parser.add_argument('--only', choices=['list_lengths'])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_json(args.out / 'list_lengths.json', list_lengths(300, 504))
    if args.only:
        return
    packer = Packer(args.tokenizer)
    for name, (split, seed) in FILES.items():
        path = args.out / f'{name}.jsonl'
        print(name, write(path, split, seed, packer), path.stat().st_size, 'bytes')
    write_json(args.out / 'long_list.json', long_list(200, 300, 503))
    print('dropped', dict(packer.drops))


if __name__ == '__main__':
    main()
