"""The tool catalog: loading, templates as parts, and what is held out of training.

Held out: whole domains (tools never seen); in the folders domains/ and domains2/, from which the fixed dev file of phrasings was
made, also the last two templates of every tool (phrasings never seen) and the last quarter of a domain's no-tool lines."""
from __future__ import annotations

import functools
import json
import pathlib
import re
from dataclasses import dataclass, field

from thimble.text import is_word_char, words

HERE = pathlib.Path(__file__).parent / 'catalog'
HELD_OUT_DOMAINS = ('smart_home_security_appliances', 'recipes_and_cooking', 'issue_tracking_projects', 'image_photo_editing',
                    'events_and_tickets', 'hr_and_recruiting')
HELD_OUT_TEMPLATES = 2
PHRASINGS_FROM = ('domains', 'domains2')       # folders
SPLITS = ('train', 'phrasings', 'domains')

_COUNT_WORDS = {1: ('one', 'single', 'once'), 2: ('two', 'a couple', 'twice', 'pair')}
_SLOT = re.compile(r'\{(\w+)\}')


@dataclass(frozen=True)
class Param:
    key: str
    names: tuple[str, ...]
    type: str                     # string | number | integer | boolean | array
    descriptions: tuple[str, ...]
    required: bool
    source: str                   # entity | enum | say | values | range | none
    data: object                  # entity name; {value: phrases}; list of values; (low, high, step); None


@dataclass(frozen=True)
class Part:
    """A piece of a template: literal text, a slot, or a literal that is itself the value of an argument."""
    text: str
    key: str | None = None
    constant: object = None


@dataclass(frozen=True)
class Template:
    parts: tuple[Part, ...]
    fixed: tuple[tuple[str, object], ...]
    used: frozenset[str]


@dataclass
class CatalogTool:
    domain: str
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    params: dict[str, Param]
    templates: list[Template]
    stems: frozenset[str] = frozenset()              # word stems of the first name
    name_sets: frozenset[frozenset[str]] = frozenset()   # of every name


@dataclass
class Domain:
    name: str
    tools: list[CatalogTool]
    no_tool: list[str] = field(default_factory=list)
    folder: str = ''                                 # that its file lies in


def _param(key: str, p: dict) -> Param:
    source = next((s for s in ('entity', 'enum', 'say') if s in p), None)
    data: object = p.get(source) if source else None
    if source is None and isinstance(p.get('values'), dict):
        low, high = p['values']['range']
        source, data = 'range', (low, high, p['values'].get('step', 1))
    elif source is None and 'values' in p:
        source, data = 'values', p['values']
        if p['type'] in ('integer', 'number'):
            data = [json.loads(v) if isinstance(v, str) else v for v in data]
    return Param(key, tuple(p['names']), p['type'], tuple(p['descriptions']), bool(p.get('required')), source or 'none', data)


def _ground_number(parts: list[Part], key: str, value) -> bool:
    """Makes the literal words that say `value` (exactly one place) the value of argument `key`."""
    phrases = (str(value),) + _COUNT_WORDS.get(value, ())
    hits = [(i, m) for i, part in enumerate(parts) if part.key is None
            for m in re.finditer(r'(?<![\w-])(' + '|'.join(map(re.escape, phrases)) + r')(?![\w%-])', part.text)]
    if len(hits) != 1:
        return False
    i, m = hits[0]
    text = parts[i].text
    parts[i:i + 1] = [Part(text[:m.start()]), Part(m[0], key, value), Part(text[m.end():])]
    return True


def _ground_text(parts: list[Part], key: str, value: str) -> bool:
    hits = [(i, m) for i, part in enumerate(parts) if part.key is None
            for m in re.finditer(r'(?<!\w)' + re.escape(value) + r'(?!\w)', part.text)]
    if len(hits) != 1:
        return False
    i, m = hits[0]
    text = parts[i].text
    parts[i:i + 1] = [Part(text[:m.start()]), Part(m[0], key, value), Part(text[m.end():])]
    return True


def _fits(parts: list[Part], params: dict[str, Param]) -> bool:
    """False where the text around a slot would cut a word or a number, so that no span could be the value."""
    for i, part in enumerate(parts):
        if part.key is None:
            continue
        p = params[part.key]
        if p.source in ('enum', 'say') or p.type == 'boolean':
            continue
        before = parts[i - 1].text if i and parts[i - 1].key is None else ''
        after = parts[i + 1].text if i + 1 < len(parts) and parts[i + 1].key is None else ''
        if i and parts[i - 1].key is not None and before == '':
            return False
        if before and is_word_char(before[-1]):
            return False
        if p.type in ('number', 'integer'):
            if before[-1:] in ('-', '+', '.', ',') or after[:1] in ('k', 'K',
                                                                    '.') and after[1:2].isalnum() or after[:1] in ('k', 'K'):
                return False
        elif after and is_word_char(after[0]):
            return False
    return True


def _template(q, params: dict[str, Param]) -> Template | None:
    fixed = dict(q.get('fixed', {})) if isinstance(q, dict) else {}
    text = q['q'] if isinstance(q, dict) else q
    pieces = _SLOT.split(text)
    if len(set(pieces[1::2])) != len(pieces[1::2]):
        return None
    parts = [Part(t) if i % 2 == 0 else Part('', t) for i, t in enumerate(pieces)]
    for key, value in list(fixed.items()):
        p = params[key]
        if p.source in ('enum', 'say') or p.type == 'boolean':
            continue
        grounded = _ground_number(parts, key, value) if p.type in ('integer', 'number') else _ground_text(parts, key,
                                                                                                          str(value))
        if not grounded:
            return None
        del fixed[key]
    parts = [p for p in parts if p.key is not None or p.text]
    if not parts or not _fits(parts, params):
        return None
    used = frozenset(p.key for p in parts if p.key) | frozenset(fixed)
    if any(p.required and k not in used for k, p in params.items()):
        return None
    return Template(tuple(parts), tuple(sorted(fixed.items(), key=lambda kv: kv[0])), used)


_VERBS = {'get': 'show', 'fetch': 'show', 'list': 'show', 'view': 'show', 'display': 'show', 'read': 'show',
          'retrieve': 'show', 'find': 'search',
          'lookup': 'search', 'query': 'search', 'add': 'create', 'new': 'create', 'make': 'create', 'insert': 'create',
          'remove': 'delete',
          'cancel': 'delete', 'drop': 'delete', 'erase': 'delete', 'change': 'update', 'set': 'update', 'edit': 'update',
          'modify': 'update',
          'adjust': 'update', 'check': 'show', 'start': 'begin', 'launch': 'begin', 'run': 'begin'}


def stem(word: str) -> str:
    """A crude common form: verbs of one sense fall together, plural s goes."""
    word = _VERBS.get(word, word)
    return word[:-1] if len(word) > 3 and word.endswith('s') and not word.endswith('ss') else word


def _stems(name: str) -> frozenset[str]:
    return frozenset(stem(w) for w in words(name).split())


def _read(text: str) -> tuple[Domain, list[tuple[CatalogTool, list]]]:
    """The domain of a catalog file, still without tools, and its tools with all their templates (None: not usable)."""
    d = json.loads(text)
    raw = []
    for t in d['tools']:
        params = {k: _param(k, p) for k, p in t['parameters'].items()}
        raw.append((CatalogTool(d['domain'], tuple(t['names']), tuple(t['descriptions']), params, [], _stems(t['names'][0]),
                                frozenset(_stems(n) for n in t['names'])), [_template(q, params) for q in t['queries']]))
    return Domain(d['domain'], [], d['no_tool']), raw


@functools.lru_cache(None)
def _load_all() -> tuple[tuple[Domain, list[tuple[CatalogTool, list]]], ...]:
    loaded = []
    for path in sorted(HERE.glob('domains*/*.json')):
        domain, raw = _read(path.read_text(encoding='utf-8'))
        domain.folder = path.parent.name
        loaded.append((domain, raw))
    return tuple(loaded)


def parse_domain(text: str) -> Domain:
    """A catalog file from elsewhere (catalog/SPEC.md), nothing of it held out. A text that is none raises ValueError, KeyError,
    TypeError, AttributeError or IndexError."""
    domain, raw = _read(text)
    for tool, templates in raw:
        tool.templates.extend(t for t in templates if t is not None)
    domain.tools.extend(tool for tool, _ in raw if tool.templates)
    return domain


def load(split: str) -> list[Domain]:
    """The domains of a split with the templates that belong to it: 'train', 'phrasings' (training domains, held-out
    templates) or 'domains' (held-out domains, all templates). Tools without a usable template are left out."""
    assert split in SPLITS, split
    out = []
    for domain, raw in _load_all():
        held = domain.name in HELD_OUT_DOMAINS
        if held != (split == 'domains'):
            continue
        phrasings = domain.folder in PHRASINGS_FROM
        if split == 'phrasings' and not phrasings:
            continue
        tools = []
        for tool, templates in raw:
            if split == 'train' and phrasings:
                templates = templates[:-HELD_OUT_TEMPLATES]
            elif split == 'phrasings':
                templates = templates[-HELD_OUT_TEMPLATES:]
            templates = [t for t in templates if t is not None]
            if templates:
                tools.append(CatalogTool(**{**tool.__dict__, 'templates': templates}))
        cut = len(domain.no_tool) * 3 // 4
        whole = held or not phrasings
        no_tool = domain.no_tool if whole else domain.no_tool[:cut] if split == 'train' else domain.no_tool[cut:]
        out.append(Domain(domain.name, tools, no_tool, domain.folder))
    return out


def alike(a: CatalogTool, b: CatalogTool) -> bool:
    """Whether two tools are too alike to stand in one list, or for one's request to be a no-call for the other.

    Within a domain the catalog's near-neighbours are meant to be told apart, so only equal names count; across domains
    (where nobody checked) half of the words of the first names in common is too much."""
    if a.name_sets & b.name_sets:
        return True
    if a.domain == b.domain:
        return False
    return len(a.stems & b.stems) * 2 > min(len(a.stems), len(b.stems)) or len(a.stems & b.stems) >= 2
