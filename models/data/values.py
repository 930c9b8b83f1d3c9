"""Fills the slots of a template: surface text in pieces that know which argument they are, and the JSON value."""
from __future__ import annotations

import random
import re
from dataclasses import dataclass

from thimble.text import is_word_char, may_end, may_start
from .catalog import Param, Domain
from .entities import Entities
from .entities.amounts import number_words
from .entities.identifiers import vary_digits

_PREPOSITION = re.compile(r"\b(on|at|in|for|by|from|to|until|till|before|after|since|of|due|every|than|around|about)\s*$", re.I)
_LEADING_PREPOSITION = re.compile(r'^(in|on|at|by|for|from) ', re.I)
_ARTICLE = re.compile(r'\b(the|my|a|an|our|your|this|that|his|her)\s*$', re.I)
_LEADING_ARTICLE = re.compile(r'^(the|my|a|an|our|this|last|next|every) ', re.I)
_NAME_WORD = re.compile(r'\b[A-Z][a-z]{2,}\b')
FREE_KEYS = frozenset('''title name label text topic query subject description note message comment content project task item list_name playlist
    keyword keywords term reason product customer client body caption event'''.split())
# Arguments whose value is wording as it was said; elsewhere a value names a thing, and a "the" before it is no part of it.
WORDING_KEYS = frozenset('''title name label text note message comment content caption body description query question answer phrase quote
    lyric reason term keyword keywords alt_text plot premise claim argument statement wording prompt summary subject headline'''.split())
WORDING_ENTITIES = frozenset('''song artist album movie book tv_show playlist event_title note_text message_text search_text
    todo_item'''.split())
WORDING_MEAN_WORDS = 3.2          # values longer than that on average are sentences


@dataclass
class Filled:
    """pieces: (text, item number or None); item numbers mark the text that is (an item of) the value."""
    pieces: list[tuple[str, int | None]]
    value: object


@dataclass
class Field:
    """An argument as the group's schema shows it. choices: the values of an enum made of a free-text list."""
    param: Param
    name: str
    domain: str = ''
    choices: list[str] | None = None


def pools(domains: list[Domain]) -> dict[tuple[str, str], list[str]]:
    """Free-text values that may stand in for each other: by (domain, slot key), and by ('', key) for keys that mean free text
    everywhere."""
    out: dict[tuple[str, str], list[str]] = {}
    for d in domains:
        for t in d.tools:
            for p in t.params.values():
                if p.type == 'string' and p.source == 'values':
                    out.setdefault((d.name, p.key), []).extend(map(str, p.data))
                    if p.key in FREE_KEYS:
                        out.setdefault(('', p.key), []).extend(map(str, p.data))
    return out


class Values:
    def __init__(self, rng: random.Random, entities: Entities, pool: dict[tuple[str, str], list[str]]):
        self.rng, self.entities, self.pool = rng, entities, pool
        self.known_names = frozenset(n for n in entities.lists['first_name'][0] if n[0].isupper() and n.isascii())

    def fill(self, field: Field, avoid: set[str], before: str, after: str, spoken: bool = False) -> Filled | None:
        """A value of `field` for a place between `before` and `after`; None if eight tries gave none that fits.

        avoid: lower-cased values already used in the request; no value repeats one."""
        for _ in range(8):
            filled = self._make(field, before, after, spoken)
            if filled is None:
                continue
            texts = [t.lower() for t, item in filled.pieces if item is not None]
            if any(t in avoid for t in texts) or len(set(texts)) != len(texts):
                continue
            return filled
        return None

    def _make(self, field: Field, before: str, after: str, spoken: bool) -> Filled | None:
        p, r = field.param, self.rng
        if p.source == 'enum':
            key = r.choice(list(p.data))
            phrase = r.choice(p.data[key])
            if r.random() < 0.12 and re.fullmatch(r'[\w .-]+', key) and len(key) > 1:
                phrase = key.replace('_', ' ') if r.random() < 0.6 else key
            return Filled([(phrase, None)], [key] if p.type == 'array' else key)
        if p.source == 'say':
            key = r.choice(list(p.data))
            return Filled([(r.choice(p.data[key]), None)], key == 'true')
        if field.choices is not None:
            value = r.choice(field.choices)
            return Filled([(value, None)], value) if self._reads_well(value, before) else None
        if p.type in ('number', 'integer'):
            value = self._number(p)
            text = self.number_text(value, before, after, spoken)
            if isinstance(text, tuple):
                return Filled([(text[0], 0), (text[1], None)], value)
            return Filled([(text, 0)], value)
        if p.type == 'array':
            return self._listed([split_the(p, str(v)) for v in self._items(p)])
        article, value = split_the(p, self._text(p, field.domain))
        if not self._reads_well(article + value, before):
            if not article or not _ARTICLE.search(before):
                return None
            article = ''
        core, tail = trim(value)
        if not core or any(c in '\'")]}' for c in tail):
            return None
        return Filled([(t, item) for t, item in ((article, None), (core, 0), (tail, None)) if t], core)

    def _reads_well(self, value: str, before: str) -> bool:
        """No 'on in two weeks', no 'the the airport'."""
        if _LEADING_PREPOSITION.match(value) and _PREPOSITION.search(before):
            return False
        return not (_LEADING_ARTICLE.match(value) and _ARTICLE.search(before))

    def _text(self, p: Param, domain: str) -> str:
        r = self.rng
        if p.source == 'entity':
            return self.entities.draw(p.data)
        value = str(r.choice(p.data))
        u = r.random()
        if u < 0.12 and ('', p.key) in self.pool:
            value = r.choice(self.pool['', p.key])
        elif u < 0.35 and (domain, p.key) in self.pool:
            value = r.choice(self.pool[domain, p.key])
        if r.random() < 0.55:
            value = vary_digits(value, r)
        if r.random() < 0.5:
            value = _NAME_WORD.sub(self._other_name, value)
        return value

    def _other_name(self, word: re.Match) -> str:
        if word[0] not in self.known_names:
            return word[0]
        return self.rng.choice(self.entities.lists['first_name'][0]).capitalize()

    def _items(self, p: Param) -> list:
        r = self.rng
        if p.source == 'entity':
            return [self.entities.draw(p.data) for _ in range(r.choice([1, 2, 2, 3]))]
        items = list(r.choice(p.data))
        if r.random() < 0.4:
            items += [x for x in r.choice(p.data) if x not in items]
            r.shuffle(items)
            items = items[:r.choice([1, 2, 2, 3, 3, 4, 5])]
        return items

    def _listed(self, items: list[tuple[str, str]]) -> Filled | None:
        """items: (article, value)."""
        r = self.rng
        cores = [trim(value)[0] for _, value in items]
        if not all(cores):
            return None
        last = r.choice([' and ', ' and ', ', and ', ' & ', ', ', ' plus ', ' and also '])
        comma = r.choice([', ', ', ', ', ', ' and ', '; '])
        pieces: list[tuple[str, int | None]] = []
        for i, core in enumerate(cores):
            between = '' if not i else last if i == len(cores) - 1 else comma
            if between + items[i][0]:
                pieces.append((between + items[i][0], None))
            pieces.append((core, i))
        return Filled(pieces, cores)

    def _number(self, p: Param):
        r = self.rng
        if p.source == 'range':
            low, high, step = p.data
            value = round(low + step * r.randint(0, int(round((high - low) / step))), 6)
        elif p.source == 'values':
            value = r.choice(p.data)
            if p.type == 'integer' and r.random() < 0.3 and max(p.data) - min(p.data) > 3:
                value = r.randint(min(p.data), max(p.data))
        else:
            m = re.search(r'\d+', self.entities.draw(p.data)) if p.source == 'entity' else None
            value = int(m[0][:9]) if m else r.randint(2, 90)
        return int(value) if value == int(value) else value

    def number_text(self, value, before: str, after: str, spoken: bool):
        """How a number is written here; ('a couple', ' of') where words follow that are not part of it."""
        r = self.rng
        plain = repr(value) if isinstance(value, float) else str(value)
        alone = (before == '' or before[-1] in ' ("') and (after == '' or not (is_word_char(after[0]) or after[0] in '%°.:/x-'))
        if not alone:
            return plain
        words_wanted = r.random() < (0.7 if spoken else 0.17)
        if isinstance(value, float):
            half = value * 2 == int(value * 2)
            if words_wanted and value == 0.5:
                return 'half'
            if words_wanted and 1 <= value < 100 and half:
                whole = number_words(int(value))
                return r.choice([f'{whole} and a half', f'{whole} point five'])
            if words_wanted and 0 <= value < 100 and len(plain.partition('.')[2]) == 1:
                return f"{number_words(int(value))} point {number_words(int(plain.split('.')[1]))}"
            return plain
        if value < 0:
            if words_wanted and value > -100:
                return f'minus {number_words(-value)}'
            return f'minus {-value}' if r.random() < 0.4 else plain
        if words_wanted:
            if value == 12 and r.random() < 0.25:
                return 'a dozen'
            if value == 2 and r.random() < 0.1 and after[:1] == ' ':
                return ('a couple', ' of')
            if value <= 100 or value % 50 == 0 and value < 10000 or spoken and value < 10000:
                return number_words(value, r.random() < 0.6, r.random() < 0.3)
        if value >= 1000:
            u = r.random()
            if value % 1000 == 0 and u < 0.15:
                return f'{value // 1000}k' if value < 10 ** 6 else plain
            if value % 1000000 == 0 and u < 0.3:
                return f'{value // 1000000} million'
            if value % 100 == 0 and u < 0.08 and value < 100000:
                return f'{value // 1000}.{value % 1000 // 100}k' if value % 1000 else f'{value // 1000}k'
            if u < 0.45 and not 1900 <= value <= 2100:       # those are mostly years
                return f'{value:,}'
        return plain


def split_the(p: Param, value: str) -> tuple[str, str]:
    """('the ', the rest) if the value begins with a "the" that is no part of it, else ('', value)."""
    if not value.startswith('the ') or p.key in WORDING_KEYS or p.source == 'entity' and p.data in WORDING_ENTITIES:
        return '', value
    if p.source == 'values':
        texts = [str(t) for v in p.data for t in (v if isinstance(v, list) else [v])]
        if sum(len(t.split()) for t in texts) > WORDING_MEAN_WORDS * len(texts):
            return '', value
    return value[:4], value[4:]


def trim(text: str) -> tuple[str, str]:
    """(value, trailing punctuation that the span rules leave out); ('', '') if nothing is left or the start is not allowed."""
    end = len(text)
    while end and not may_end(text[end - 1], text[:end]):
        end -= 1
    if not end or not may_start(text[0], text[1:2]):
        return '', ''
    return text[:end], text[end:]
