"""A user's examples {query, tools, calls} -> grounded rows -> neutral groups (data/generator.py). For train/finetune.py.

File: JSON lines in UTF-8. "tools" may be left out: those of the line before hold. "split": "dev" holds a row back for measuring;
"kind" is any label. Other keys are ignored. A line that is no such object is an error of the whole file; a row that the model could
not be taught (a tool that the schema rules refuse, an argument whose words do not stand in the request) is left out and reported."""
from __future__ import annotations

import json
import pathlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from data import public
from data.catalog import stem
from data.generator import PATH_SEPARATOR
from data.pack import Packer
from thimble import schema
from thimble.text import words

MAX_FILE_BYTES, MAX_LINE_BYTES, MAX_ROWS = 64 << 20, 1 << 20, 50000
GROUP = 8
MAX_TOOLS = 12
FOREIGN_SHARE = 0.12      # of a group's requests: ones for distractors, or for none of the tools, so that not all is "ours"


class FinetuneError(Exception):
    """code: E_FILE, E_JSON, E_ROW, E_CATALOG, E_NO_ROWS, E_START or E_TRAINER; the message says what, where and what to do."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass
class Row:
    line: int
    query: str
    calls: list[dict]              # as given
    tools: list[dict]              # as given
    kind: str
    held_back: bool
    request: dict | None = None    # grounded, neutral form


# ---- reading -----------------------------------------------------------------------------------

def _no_constant(name: str):
    raise ValueError(f'{name} is no JSON number')


def parse_json(text: str):
    """A JSON value; ValueError for NaN, numbers out of range, text that is no Unicode and too deep nesting too."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()       # 1e999 and lone surrogates end here
        return value
    except RecursionError:
        raise ValueError('nested too deep') from None
    except UnicodeEncodeError:
        raise ValueError('a lone surrogate is no text') from None


def read_bytes(path: pathlib.Path) -> bytes:
    try:
        with open(path, 'rb') as f:
            data = f.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FinetuneError('E_FILE', f'{path}: cannot be read ({error.strerror}); check the path') from None
    if len(data) > MAX_FILE_BYTES:
        raise FinetuneError('E_FILE', f'{path}: larger than {MAX_FILE_BYTES >> 20} MiB; split it or leave rows out')
    return data


def read_rows(path: pathlib.Path) -> list[Row]:
    """All rows of a file, not yet grounded. Raises FinetuneError for the first line that is none."""
    rows: list[Row] = []
    tools = None
    for number, line in enumerate(read_bytes(path).split(b'\n'), 1):
        where = f'{path}, line {number}'
        if not line.strip():
            continue
        if len(line) > MAX_LINE_BYTES:
            raise FinetuneError('E_ROW', f'{where}: longer than {MAX_LINE_BYTES >> 20} MiB; a row is one request with its tools')
        try:
            value = parse_json(line.decode('utf-8'))
        except ValueError as error:
            raise FinetuneError('E_JSON', f'{where}: not JSON in UTF-8 ({error}); write one object a line') from None
        row = _row(value, tools, number, where)
        tools = row.tools
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise FinetuneError('E_ROW', f'{where}: more than {MAX_ROWS} rows; leave some out')
    return rows


def _row(value, tools: list | None, number: int, where: str) -> Row:
    def fail(what: str):
        raise FinetuneError('E_ROW', f'{where}: {what}')
    if not isinstance(value, dict):
        fail('a row must be an object with "query", "tools" and "calls"')
    tools = value.get('tools', tools)
    if not isinstance(value.get('query'), str) or not value['query'].strip():
        fail('"query" must be a text that is not empty')
    if not isinstance(tools, list) or not tools or not all(isinstance(t, dict) for t in tools):
        fail('"tools" must be a list of tool definitions (or be left out where a line before gives them)')
    calls = value.get('calls')
    if not isinstance(calls, list):
        fail('"calls" must be a list, empty if no tool is to be called')
    for call in calls:
        if not isinstance(call, dict) or not isinstance(call.get('name'), str) or not isinstance(call.get('arguments'), dict):
            fail('each of "calls" must be {"name": text, "arguments": object}')
    if value.get('split', 'train') not in ('train', 'dev'):
        fail('"split" must be "train" or "dev"')
    kind = value.get('kind', 'own')
    return Row(number, value['query'], [{'name': c['name'], 'arguments': c['arguments']} for c in calls], tools,
               kind if isinstance(kind, str) else 'own', value.get('split') == 'dev')


# ---- grounding ---------------------------------------------------------------------------------

def _flatten(arguments: dict, tool: schema.Tool) -> dict[tuple[str, ...], object]:
    """{path: value}; raises Ungrounded for a key that the schema does not have."""
    paths = {a.path for a in tool.arguments}
    out: dict[tuple[str, ...], object] = {}

    def walk(value: dict, before: tuple[str, ...]) -> None:
        for key, v in value.items():
            path = before + (key,)
            if path in paths:
                out[path] = v
            elif isinstance(v, dict) and any(p[:len(path)] == path for p in paths):
                walk(v, path)
            else:
                raise public.Ungrounded(f'{tool.name} has no argument "{".".join(path)}"')
    walk(arguments, ())
    return out


def _choice(a: schema.Argument, value):
    for v in a.values:
        if v == value and isinstance(v, bool) == isinstance(value, bool):
            return v
    raise public.Ungrounded(f'{json.dumps(value, ensure_ascii=False)[:60]} is not a value of "{".".join(a.path)}"')


def _set(target: dict, path: tuple[str, ...], value) -> None:
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value


def _ground_free(query: str, calls: list[dict], tools: dict[str, dict]) -> dict:
    """data.public.ground; where no two arguments can have words of their own, calls may share theirs ("glaze the bowl and move it
    to ..." names the bowl once for both)."""
    row = {'query': query, 'kind': 'own'}
    try:
        return public.ground({**row, 'calls': calls}, tools)
    except public.Ungrounded:
        if len(calls) < 2:
            raise
    each = [public.ground({**row, 'calls': [call]}, tools) for call in calls]
    return {**each[0], 'calls': [g['calls'][0] for g in each], 'spans': [g['spans'][0] for g in each]}


def ground(query: str, calls: list[dict], tools: list[schema.Tool]) -> dict:
    """The neutral request: values as the request spells them and where they stand. Raises Ungrounded.

    Texts and numbers are found by data.public.ground; what a schema enumerates needs no place in the request."""
    by_name = {t.name: t for t in tools}
    free, chosen, flat_tools = [], [], {}
    for call in calls:
        if call['name'] not in by_name:
            raise public.Ungrounded(f'"{call["name"]}" is not among the tools')
        tool = by_name[call['name']]
        arguments = {a.path: a for a in tool.arguments}
        texts, values = {}, {}
        for path, value in _flatten(call['arguments'], tool).items():
            a = arguments[path]
            if a.array and not isinstance(value, list):
                raise public.Ungrounded(f'"{".".join(path)}" must be a list')
            if a.values:
                values[path] = [_choice(a, v) for v in value] if a.array else _choice(a, value)
            else:
                texts[PATH_SEPARATOR.join(path)] = value
        free.append({'name': tool.name, 'arguments': texts})
        chosen.append(values)
        flat_tools[tool.name] = {'parameters': {'properties': {
            PATH_SEPARATOR.join(a.path): {'type': 'array' if a.array else a.type} for a in tool.arguments if not a.values}}}
    out = _ground_free(query, free, flat_tools)
    for call, values in zip(out['calls'], chosen, strict=True):
        arguments: dict = {}
        for key, value in call['arguments'].items():
            _set(arguments, tuple(key.split(PATH_SEPARATOR)), value)
        for path, value in values.items():
            _set(arguments, path, value)
        call['arguments'] = arguments
    return out


def ground_rows(rows: list[Row], packer: Packer) -> tuple[list[Row], list[tuple[int, str]]]:
    """(rows that can be taught, with their `request`; (line, reason) of the others). Each is packed once, for the grammar has
    the last word on what can be said."""
    good, left_out = [], []
    for row in rows:
        try:
            row.request = ground(row.query, row.calls, schema.normalise(row.tools))
            before = packer.drops.copy()
            if not packer.group({'tools': row.tools, 'requests': [row.request]}):
                reason = next(iter(packer.drops - before), 'cannot be packed')
                raise public.Ungrounded(f'the rules of the answer do not allow these calls ({reason})')
            good.append(row)
        except (schema.ToolError, public.Ungrounded) as error:
            left_out.append((row.line, str(error)))
    return good, left_out


# ---- groups ------------------------------------------------------------------------------------

def _name(tool: dict) -> str:
    inner = tool.get('function')
    return (inner if isinstance(inner, dict) else tool)['name']


def weighty(text: str) -> frozenset[str]:
    """Word stems that say what something is about."""
    return frozenset(stem(w) for w in re.findall(r'[a-z]{3,}', words(text).lower())) - public.LIGHT_WORDS


def _tool_words(tool: dict) -> frozenset[str]:
    inner = tool.get('function')
    inner = inner if isinstance(inner, dict) else tool
    return weighty(f'{inner["name"]} {inner.get("description") or ""}')


class Groups:
    """Endless supply of groups: eight requests that share a tool list, the user's tools among distractors from the catalog.

    A distractor shares no word of weight with the user's tools or with the requests that call nothing, so that it cannot be the
    right answer where the user's row says otherwise."""

    def __init__(self, rows: list[Row], others: Iterator[dict], seed: int):
        """others: groups of the catalog's generator."""
        self.rng, self.others = random.Random(seed), others
        self.lists: dict[str, list[Row]] = {}
        for row in rows:
            self.lists.setdefault(json.dumps(sorted(row.tools, key=_name), sort_keys=True), []).append(row)
        self.bag: list[Row] = []

    def _seed_row(self) -> Row:
        """Every row as often as any other, in random order."""
        if not self.bag:
            self.bag = [row for rows in self.lists.values() for row in rows]
            self.rng.shuffle(self.bag)
        return self.bag.pop()

    def __iter__(self) -> Iterator[dict]:
        while True:
            yield self.group()

    def group(self) -> dict:
        r = self.rng
        first = self._seed_row()
        same = self.lists[json.dumps(sorted(first.tools, key=_name), sort_keys=True)]
        rows = [first] + r.sample([x for x in same if x is not first], min(GROUP - 1, len(same) - 1))
        foreign = sum(r.random() < FOREIGN_SHARE for _ in range(GROUP))
        rows = rows[:GROUP - foreign]
        tools = self._own_tools(first.tools, rows)
        requests = [row.request for row in rows]
        self._distract(tools, requests, foreign)
        r.shuffle(tools)
        r.shuffle(requests)
        return {'kind': 'own', 'tools': tools, 'requests': requests}

    def _own_tools(self, tools: list[dict], rows: list[Row]) -> list[dict]:
        """The whole list mostly; else some of what no row here calls is left out."""
        if self.rng.random() < 0.6:
            return list(tools)
        called = {c['name'] for row in rows for c in row.calls}
        kept = [t for t in tools if _name(t) in called or self.rng.random() < 0.5]
        return kept or list(tools)

    def _distract(self, tools: list[dict], requests: list[dict], foreign: int) -> None:
        """Adds tools of one generated group to `tools`, and up to `foreign` of its requests to `requests`."""
        r = self.rng
        other = next(self.others)
        taken = frozenset().union(*map(_tool_words, tools), *(weighty(q['query']) for q in requests if not q['calls']))
        names = {words(_name(t)) for t in tools}
        fitting = [t for t in other['tools'] if not _tool_words(t) & taken and words(t['name']) not in names]
        count = min(len(fitting), max(0, MAX_TOOLS - len(tools)), r.choice([0, 0, 1, 2, 3, 5]))
        added = {t['name'] for t in fitting[:count]}
        tools += fitting[:count]
        for request in other['requests']:
            gold = {c['name'] for c in request['calls']}
            if foreign and gold and not weighty(request['query']) & taken and (gold <= added or not gold & added):
                requests.append(request if gold <= added else {**request, 'calls': [], 'spans': []})
                foreign -= 1
