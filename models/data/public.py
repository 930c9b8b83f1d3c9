"""Public tool-call data -> neutral groups (generator.py). Only train rows; rows whose arguments are not the request's own words
are left out, and rows are gathered so that eight of one source share a tool list.

    python3 -m data.public --public DIR [--groups N]      prints groups and counts

Which tools may stand in one list: those that some row of the source lists together (its makers kept apart what is the same), or
those whose names and descriptions have no word of weight in common."""
from __future__ import annotations

import argparse
import collections
import json
import random
import re
import sys
from collections.abc import Iterator

from thimble import number, schema
from thimble.text import ascii_lower, is_word_char, may_end, may_start, words
from . import public_rows
from .catalog import stem
from .generator import PATH_SEPARATOR

# At most so many rows of a source, so that none dominates; others: all. Selection-only and templated sources weigh less.
CAPS = {'sgd': 25000, 'thingpedia': 20000, 'snips': 8000, 'clinc150': 9000, 'composed_multi': 10000,
        'seal_schema_templates': 11000, 'banking77': 5000,
        'metatool': 4000, 'ms_lu': 5000, 'ha_intents': 6000, 'home_llm': 6000}
GROUP, MAX_TOOLS, SEED_TOOLS = 8, 10, 6
LIGHT_WORDS = frozenset('''a an the of to for in on at by from with and or is are be this that your you user users given get set find search show list
    add create make new use used using can will it its as all any data information tool api some specified based provided about'''.split())


class Ungrounded(ValueError):
    """A row that cannot be used; the text names the reason."""


def definition(tool: dict) -> dict:
    """A tool of a public row (flat parameters) as a caller would define it."""
    properties, required = {}, []
    for key, p in (tool.get('parameters') or {}).items():
        kind = p.get('type', 'string')
        out = {'type': kind}
        if kind == 'array':
            out['items'] = {'type': 'string'}
        if p.get('enum'):
            out['enum'] = p['enum']
        if p.get('description'):
            out['description'] = p['description']
        properties[key] = out
        if p.get('required') is True:
            required.append(key)
    result = {'name': tool['name'], 'parameters': {'type': 'object', 'properties': properties, 'required': required}}
    if tool.get('description'):
        result['description'] = tool['description']
    return result


def _usable(tool: dict) -> bool:
    try:
        schema.normalise([tool])
    except schema.ToolError:
        return False
    return True


# ---- grounding ---------------------------------------------------------------------------------

def _cuts_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and is_word_char(text[at - 1]) and is_word_char(text[at])


def _clear(start: int, end: int, taken: list[tuple[int, int]]) -> bool:
    return all(end <= a or start >= b for a, b in taken)


def find_text(query: str, value: str, taken: list[tuple[int, int]], after: int = 0) -> tuple[int, int]:
    """The first whole-word place of `value` in `query` (any case) that overlaps none of `taken`."""
    lower, wanted = ascii_lower(query), ascii_lower(value.strip())
    while wanted and not may_end(wanted[-1], wanted):
        wanted = wanted[:-1]
    while wanted and not may_start(wanted[0], wanted[1:2]):
        wanted = wanted[1:]
    at = lower.find(wanted, after) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if not _cuts_word(lower, at) and not _cuts_word(lower, end) and _clear(at, end, taken):
            return at, end
        at = lower.find(wanted, at + 1)
    raise Ungrounded('text not in the request')


def find_number(query: str, value, taken: list[tuple[int, int]]) -> tuple[tuple[int, int], object]:
    """The first place that reads as `value` (the longest spelling there) and the canonical JSON number."""
    lower = ascii_lower(query)
    for m in re.finditer(r'[-+]?[a-z0-9.]', lower):
        start = m.start()
        if start and is_word_char(lower[start - 1]) or not number.boundary_before(lower, start):
            continue
        best = None
        for stop in re.finditer(r'(?<=[a-z0-9])(?![a-z])', lower[start:start + 60]):
            end = start + stop.start()
            parsed = number.parse(lower[start:end]) if number.boundary_after(lower, end) else None
            if parsed is not None and abs(number.to_float(parsed) - float(value)) < 1e-9:
                best = end, parsed
        if best and _clear(start, best[0], taken):
            text = number.spell(best[1])
            return (start, best[0]), int(text) if best[1][1] == 0 else float(text)
    raise Ungrounded('number not in the request')


def _enum_value(choices: list, value):
    for c in choices:
        if c == value and isinstance(c, bool) == isinstance(value, bool):
            return c
    for c in choices:
        if str(c).lower() == str(value).lower():
            return c
    raise Ungrounded('not a value of the enum')


def ground(row: dict, tools: dict[str, dict]) -> dict:
    """A neutral request; raises Ungrounded. Longer values are placed first, so that a short one does not take their words."""
    query, taken = row['query'], []
    calls = [{'name': c['name'], 'arguments': {}} for c in row['calls']]
    spans: list[dict] = [{} for _ in calls]
    work = []
    for i, call in enumerate(row['calls']):
        properties = tools[call['name']]['parameters']['properties']
        for key, value in call['arguments'].items():
            if key not in properties:
                raise Ungrounded('no such argument')
            p = properties[key]
            if 'enum' in p and p['type'] != 'array':
                calls[i]['arguments'][key] = _enum_value(p['enum'], value)
            elif p['type'] == 'boolean':
                if not isinstance(value, bool):
                    raise Ungrounded('not a boolean')
                calls[i]['arguments'][key] = value
            elif 'enum' in p or isinstance(value, (dict, bool)) or value is None or isinstance(value,
                                                                                               list) and p['type'] != 'array':
                raise Ungrounded('form not supported')
            else:
                work.append((-len(str(value)), i, key, p, value))
    for _, i, key, p, value in sorted(work, key=lambda w: w[:3]):
        if p['type'] in ('number', 'integer'):
            try:
                wanted = float(value)
            except (TypeError, ValueError):
                raise Ungrounded('not a number') from None
            place, canonical = find_number(query, wanted, taken)
            taken.append(place)
            calls[i]['arguments'][key], spans[i][key] = canonical, [list(place)]
            continue
        places = []
        for item in value if p['type'] == 'array' and isinstance(value, list) else [value]:
            if isinstance(item, (dict, list)):
                raise Ungrounded('form not supported')
            place = find_text(query, str(item), taken)
            taken.append(place)
            places.append(place)
        if not places:
            raise Ungrounded('empty list')
        places.sort()
        texts = [query[a:b] for a, b in places]
        calls[i]['arguments'][key] = texts if p['type'] == 'array' else texts[0]
        spans[i][PATH_SEPARATOR.join([key])] = [list(x) for x in places]
    return {'kind': row.get('kind', 'public'), 'query': query, 'calls': calls, 'spans': spans}


# ---- sources and groups ------------------------------------------------------------------------

class Source:
    """The usable rows of one source: (request, names of gold tools, {name: definition} offered)."""

    def __init__(self, folder: str, name: str, drops: collections.Counter):
        self.name = name
        self.rows: list[tuple[dict, list[str], dict[str, dict]]] = []
        self.together: set[tuple[str, str]] = set()
        shared: dict[str, dict] = {}
        usable: dict[str, bool] = {}
        for row in public_rows.rows(folder, name):
            tools = {}
            for t in row['tools']:
                text = json.dumps(t, sort_keys=True)
                if text not in shared:
                    shared[text] = definition(t)
                    usable[text] = _usable(shared[text])
                if usable[text]:
                    tools[t['name']] = shared[text]
            names = sorted(tools)
            self.together.update((a, b) for i, a in enumerate(names) for b in names[i + 1:])
            gold = list(dict.fromkeys(c['name'] for c in row['calls']))
            try:
                if not row['query'].strip() or any(g not in tools for g in gold):
                    raise Ungrounded('tool not usable')
                self.rows.append((ground(row, tools), gold, tools))
            except Ungrounded as error:
                drops[f'{error}'] += 1
        self.weights = {}

    def _words(self, tool: dict) -> frozenset[str]:
        key = id(tool)
        if key not in self.weights:
            text = words(tool['name']) + ' ' + tool.get('description', '').lower()
            self.weights[key] = frozenset(stem(w) for w in re.findall(r'[a-z]{3,}', text)) - LIGHT_WORDS
        return self.weights[key]

    def compatible(self, a: dict, b: dict) -> bool:
        x, y = sorted((a['name'], b['name']))
        if words(x) == words(y) or a.get('description') and a.get('description') == b.get('description'):
            return False
        return (x, y) in self.together or not self._words(a) & self._words(b)

    def groups(self, rng: random.Random, cap: int) -> Iterator[dict]:
        order = list(range(len(self.rows)))
        rng.shuffle(order)
        order = order[:cap]
        left = set(order)
        by_tool: dict[int, list[int]] = collections.defaultdict(list)
        for i in order:
            _, gold, tools = self.rows[i]
            for g in gold:
                by_tool[id(tools[g])].append(i)
        for i in order:
            if i in left:
                yield self._group(rng, i, left, order, by_tool)

    def _group(self, rng: random.Random, seed: int, left: set[int], order: list[int], by_tool: dict) -> dict:
        request, gold, offered = self.rows[seed]
        others = [n for n in offered if n not in gold]
        rng.shuffle(others)
        union = {n: offered[n] for n in gold + (others if not gold else others[:max(0, SEED_TOOLS - len(gold))])}
        left.discard(seed)
        requests = [request]
        grows = bool(gold)            # a request that no tool serves must not meet further tools
        for _ in range(40):
            if len(requests) == GROUP:
                break
            if grows and rng.random() < 0.5:
                i = order[rng.randrange(len(order))]
            else:
                known = by_tool.get(id(union[rng.choice(list(union))]))
                if not known:
                    continue
                i = rng.choice(known)
            if i not in left or not self.rows[i][1]:
                continue
            _, wanted, tools = self.rows[i]
            new = {n: tools[n] for n in wanted if union.get(n) is not tools[n]}
            if new and not grows or any(n in union for n in new) or len(union) + len(new) > MAX_TOOLS:
                continue
            if all(self.compatible(t, u) for t in new.values() for u in union.values()):
                union.update(new)
                left.discard(i)
                requests.append(self.rows[i][0])
        rng.shuffle(requests)
        return {'kind': self.name, 'tools': list(union.values()), 'requests': requests}


def groups(folder: str, seed: int, drops: collections.Counter | None = None, log=sys.stderr) -> Iterator[dict]:
    """All groups of all sources, mixed, in an order that depends on the seed alone."""
    rng = random.Random(seed)
    drops = collections.Counter() if drops is None else drops
    everything = []
    for name in public_rows.sources(folder):
        before = sum(drops.values())
        source = Source(folder, name, drops)
        found = list(source.groups(rng, CAPS.get(name, 10 ** 9)))
        everything += found
        if log:
            kept = sum(len(g['requests']) for g in found)
            print(f'{name}: {kept} rows in {len(found)} groups, {sum(drops.values()) - before} ungrounded', file=log,
                  flush=True)
    if log:
        print('ungrounded:', dict(drops), file=log, flush=True)
    rng.shuffle(everything)
    yield from everything


def main() -> None:
    parser = argparse.ArgumentParser(description='Prints groups of the public data, one JSON object a line.')
    parser.add_argument('--public', required=True)
    parser.add_argument('--groups', type=int, default=3)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    for _, group in zip(range(args.groups), groups(args.public, args.seed)):
        json.dump(group, sys.stdout, ensure_ascii=False)
        print()


if __name__ == '__main__':
    main()
