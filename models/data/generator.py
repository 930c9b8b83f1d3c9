"""Groups of training data from the catalog: one tool list and several requests, seeded (same seed, same bytes).

Neutral form of a group:
    {"kind", "tools": [{"name","description","parameters"}], "requests": [request, ...]}
    request = {"kind", "query", "calls": [{"name","arguments"}], "spans": [per call {path: [[start, end), ...]}]}
path: the argument's keys joined by U+001F; spans are character offsets into query, one for each item of the value, present for
every string, number and integer that is not an enum.

    python3 -m data.generator [--seed N] [--groups N] [--split train|phrasings|domains]      prints groups, one JSON a line
"""
from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence

from . import catalog, phrases, rendering, synonyms, values
from .entities import Entities
from .rendering import Rendered
from .values import trim

PATH_SEPARATOR = '\x1f'
ABOUT_TOOLS = ('what does {} do', 'how does {} work', 'tell me about {}', 'what is {} for', 'which options does {} have',
               'is {} any good', 'why would I need {}',
               'explain {} to me', 'can you describe {}', 'who made {}', 'do you have documentation on {}',
               'what happens if {} fails', 'is there a limit on {}',
               'what parameters does {} take', 'have you ever used {}', 'how often do people use {}',
               'give me an example of when {} is useful')
NOT_WANTED = ("don't {}", "please don't {}", 'do not {} yet', "you don't need to {} anymore", "never mind, no need to {}",
              "whatever you do, don't {}",
              "I already asked someone else to {}", "I'd rather not {} today", "don't {}, I'll do it myself")
IMPERATIVES = frozenset('''add book call cancel change check clear close copy create cut delete disable download edit email enable export file find
    get give hide import increase invite link list lock log make mark merge message move mute open order pause pay pick place play post print put raise read
    record reduce remind remove rename reply reset restart resume run save schedule search send set share show skip start stop switch tag take tell text
    track transfer turn unlock unmute update upload zoom reserve ping archive assign block dim lower'''.split())


class Generator:
    """Endless supply of groups of one split ('train', 'phrasings', 'domains'; see catalog.load)."""

    def __init__(self, seed: int, split: str = 'train', noise: float = 1.0, own: Sequence[catalog.Domain] = (),
                 folders: Sequence[str] = ()):
        """noise multiplies the chances of fillers, chatter and typing errors. own: domains of the caller's; with them every tool
        list is one of theirs, and the catalog gives only distractors. folders: the same for domains of these folders of the catalog."""
        self.noise = noise
        self.used: set[int] = set()       # templates used in this group
        self.rng = random.Random(seed)
        self.split = split
        names = {d.name for d in own}
        self.domains = [d for d in catalog.load(split) if d.name not in names] + list(own)
        chosen = list(own) + [d for d in self.domains if d.folder in folders]
        self.list_domains = chosen or self.domains          # a tool list is built around one of these
        self.tools = [t for d in self.domains for t in d.tools]
        self.by_domain = {d.name: d for d in self.domains}
        self.entities = Entities(self.rng)
        self.values = values.Values(self.rng, self.entities, values.pools(catalog.load('train') + list(own)))
        chat = self.entities.lists['small_talk'][0]
        self.synonyms = synonyms.read() if split == 'train' else {}      # dev sets say things as they were written
        self.small_talk = [t for i, t in enumerate(chat) if (i % 4 == 3) != (split == 'train')]

    # ---- tool lists ----------------------------------------------------------------------------

    def pick_tools(self, count: int, kind: str) -> list[catalog.CatalogTool]:
        """kind 'near': all of one domain as far as it goes; 'mixed': about half of one domain; 'any': from everywhere."""
        r = self.rng
        domain = r.choice(self.list_domains)
        share = {'near': 1.0, 'mixed': r.choice([0.4, 0.5, 0.7]), 'any': 0.0}[kind]
        chosen: list[catalog.CatalogTool] = []
        for t in r.sample(domain.tools, len(domain.tools)):
            if len(chosen) >= max(1, round(count * share)):
                break
            if not any(catalog.alike(t, c) for c in chosen):
                chosen.append(t)
        tries = 0
        while len(chosen) < count and tries < 400:
            tries += 1
            t = r.choice(self.tools)
            if not any(catalog.alike(t, c) or t.domain == c.domain and kind == 'any' for c in chosen):
                chosen.append(t)
        r.shuffle(chosen)
        return chosen

    def tool_list(self, count: int, kind: str) -> list[Rendered]:
        st = rendering.style(self.rng)
        out, taken = [], set()
        for t in self.pick_tools(count, kind):
            for _ in range(5):
                rendered = rendering.render(self.rng, t, st)
                key = rendered.definition['name'].lower()
                if key not in taken and rendered.templates:
                    taken.add(key)
                    rendered.definition['description'] = self._reword(rendered.definition.get('description', ''), 0.25, 0.3)
                    out.append(rendered)
                    break
        return out

    def _reword(self, text: str, chance: float, part: float) -> str:
        """With some chance, part of the words replaced by synonyms; training only."""
        if not self.synonyms or self.rng.random() >= chance:
            return text
        return synonyms.reword(self.rng, text, self.synonyms, part)

    # ---- requests ------------------------------------------------------------------------------

    def one_call(self, rendered: Rendered, number: int, avoid: set[str], spoken: bool,
                 correct: bool = False) -> tuple[list, dict] | None:
        """Pieces of a request for one tool and {slot key: value}; None if a slot could not be filled."""
        r = self.rng
        template = r.choice(rendered.templates)
        if id(template) in self.used and r.random() < 0.8:
            template = r.choice(rendered.templates)
        self.used.add(id(template))
        slots = [p.key for p in template.parts if p.key and p.constant is None]
        corrected = r.choice(slots) if correct and slots else None
        pieces: list = []
        arguments = dict(template.fixed)
        late = None
        for i, part in enumerate(template.parts):
            if part.key is None:
                pieces.append([part.text, None])
                continue
            if part.constant is not None:
                if part.key in rendered.fields and rendered.fields[part.key].choices is not None:
                    return None
                pieces.append([part.text, (number, part.key, 0)])
                arguments[part.key] = part.constant
                continue
            field = rendered.fields[part.key]
            before = pieces[-1][0] if pieces else ''
            after = template.parts[i + 1].text if i + 1 < len(template.parts) else ''
            filled = self.values.fill(field, avoid, before, after, spoken)
            if filled is None:
                return None
            tagged = [[t, None if item is None else (number, part.key, item)] for t, item in filled.pieces]
            avoid.update(t.lower() for t, item in filled.pieces if item is not None)
            arguments[part.key] = filled.value
            if part.key == corrected and field.param.type != 'array':
                wrong = self.values.fill(field, avoid, before, '', spoken)
                if wrong is not None and wrong.value != filled.value:
                    wrong_pieces = [[t, None] for t, _ in wrong.pieces]
                    if r.random() < 0.55:
                        tagged = wrong_pieces + [[r.choice(phrases.CORRECTIONS_INLINE), None]] + tagged
                    else:
                        late, tagged = tagged, wrong_pieces
            pieces += tagged
        self._articles(pieces)
        if self.synonyms and r.random() < 0.5:
            pieces = [[text if tag else synonyms.reword(r, text, self.synonyms, 0.35), tag] for text, tag in pieces]
        if late:
            phrases.strip_end(pieces)
            pieces += [[r.choice(phrases.CORRECTIONS_END), None]] + late
        else:
            self._quote(pieces, rendered)
        return pieces, arguments

    def _articles(self, pieces: list) -> None:
        """'a {x}' with an x that begins with a vowel becomes 'an x', mostly."""
        for a, b in zip(pieces, pieces[1:]):
            vowel = b[0][:1].lower() in tuple('aeio')
            if a[1] is None and b[1] is not None and a[0].endswith(' a ') and vowel and self.rng.random() < 0.8:
                a[0] = a[0][:-1] + 'n '

    def _quote(self, pieces: list, rendered: Rendered) -> None:
        """Quotation marks (no part of the value) around a free text of several words, now and then."""
        r = self.rng
        if r.random() > 0.08:
            return
        for i, (text, tag) in enumerate(pieces):
            if tag is None or tag[1] not in rendered.fields or rendered.fields[tag[1]].param.type != 'string' or '"' in text:
                continue
            around = (pieces[i - 1][0][-1:] if i else '') + (pieces[i + 1][0][:1] if i + 1 < len(pieces) else '')
            if not any(c in '"\'(' for c in around) and (' ' in text or r.random() < 0.2):
                left, right = r.choice(['""', '""', "''", '“”'])
                pieces[i:i + 1] = [[left, None], [text, tag], [right, None]]
                return

    def request(self, tools: list[Rendered], calls: int) -> dict | None:
        r = self.rng
        spoken = r.random() < 0.07
        avoid: set[str] = set()
        parts, made = [], []
        correct = r.random() < 0.03
        target = r.choice(tools)
        for number in range(calls):
            if number and not (r.random() < 0.22):
                target = r.choice(tools)
            got = None
            for _ in range(4):
                got = self.one_call(target, number, avoid, spoken, correct and number == calls - 1)
                if got and not any(target is t and got[1] == a for t, a in made):
                    break
                got = None
            if got is None:
                return None
            parts.append(got[0])
            made.append((target, got[1]))
        pieces = phrases.join(r, parts) if calls > 1 else parts[0]
        if calls == 1 and not correct and r.random() < 0.006:
            pieces = self._with_refusal(pieces, tools)
        phrases.distort(r, pieces, spoken, self.noise)
        return self._neutral(pieces, made, 'one' if calls == 1 else 'parallel')

    def _with_refusal(self, pieces: list, tools: list[Rendered]) -> list:
        """'..., but don't ...': the second half is no call."""
        other = self._imperative(tools)
        if other is None:
            return pieces
        phrases.strip_end(pieces)
        return pieces + [[self.rng.choice([", but don't ", '. But do not ', " and don't ", ', just don\'t ']) + other, None]]

    def _imperative(self, tools: list[Rendered]) -> str | None:
        """The words of a request that begins with a verb, as plain text."""
        for _ in range(4):
            got = self.one_call(self.rng.choice(tools), 0, set(), False)
            if got:
                text = ''.join(t for t, _ in got[0]).rstrip('.!? ')
                if text.split(' ')[0].lower() in IMPERATIVES:
                    return text[0].lower() + text[1:]
        return None

    def _neutral(self, pieces: list, made: list[tuple[Rendered, dict]], kind: str) -> dict:
        query, tagged = phrases.flatten(pieces)
        calls, spans = [], []
        for number, (rendered, arguments) in enumerate(made):
            call_args: dict = {}
            call_spans: dict[str, list] = {}
            for key in rendered.fields:
                if key not in arguments:
                    continue
                value = arguments[key]
                places = []
                while (number, key, len(places)) in tagged:
                    places.append(list(tagged[number, key, len(places)]))
                path = rendered.paths[key]
                if places:
                    call_spans[PATH_SEPARATOR.join(path)] = places
                    texts = [query[a:b] for a, b in places]
                    if rendered.fields[key].param.type == 'array':
                        value = texts
                    elif rendered.fields[key].param.type == 'string':
                        value = texts[0]
                target = call_args
                for k in path[:-1]:
                    target = target.setdefault(k, {})
                target[path[-1]] = value
            calls.append({'name': rendered.definition['name'], 'arguments': call_args})
            spans.append(call_spans)
        return {'kind': kind, 'query': query, 'calls': calls, 'spans': spans}

    def no_call(self, tools: list[Rendered], near_miss: bool | None = None) -> dict | None:
        """A request that none of `tools` serves. near_miss: only (True) or never (False) one of a listed domain's own tools."""
        r = self.rng
        listed = sorted({t.tool.domain for t in tools})
        u = r.random()
        kind = 'none'
        if near_miss is True or near_miss is None and u < 0.42:
            kind, text = 'near_miss', self._foreign([t for d in listed for t in self.by_domain[d].tools], tools)
        elif u < 0.60:
            text = self._foreign([t for t in r.sample(self.tools, 40) if t.domain not in listed], tools)
        elif u < 0.80:
            text = r.choice(self.by_domain[r.choice(listed)].no_tool)
        elif u < 0.86:
            text = r.choice(r.choice(self.domains).no_tool)
        elif u < 0.94:
            text = r.choice(self.small_talk)
        elif u < 0.97:
            name = r.choice(tools).definition['name']
            text = r.choice(ABOUT_TOOLS).format(rendering.restyle(name, r.choice(['as is', 'space'])))
        else:
            text = self._imperative(tools)
            text = text and r.choice(NOT_WANTED).format(text)
        if not text:
            return None
        pieces = [[text, None]]
        phrases.distort(r, pieces, r.random() < 0.07, self.noise)
        query, _ = phrases.flatten(pieces)
        return {'kind': kind, 'query': query, 'calls': [], 'spans': []}

    def _foreign(self, candidates: list[catalog.CatalogTool], tools: list[Rendered]) -> str | None:
        """The words of a request for a tool that is not listed and unlike all that are."""
        candidates = [t for t in candidates if not any(t.names == x.tool.names or catalog.alike(t, x.tool) for x in tools)]
        if not candidates:
            return None
        rendered = rendering.render(self.rng, self.rng.choice(candidates), rendering.Style())
        got = self.one_call(rendered, 0, set(), False)
        return got and ''.join(t for t, _ in got[0])

    # ---- groups --------------------------------------------------------------------------------

    def group(self, size: int = 8) -> dict:
        r = self.rng
        u = r.random()
        if u < 0.05:
            kind, count = 'any', 1
        elif u < 0.42:
            kind, count = 'near', r.choice([2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8])
        elif u < 0.66:
            kind, count = 'mixed', r.choice([2, 3, 4, 4, 5, 5, 6, 6, 7, 8])
        elif u < 0.75:
            kind, count = 'any', r.choice([2, 3, 4, 5, 6, 7, 8])
        else:
            kind, count = r.choice(['mixed', 'near']), r.choice([9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 24])
        tools = self.tool_list(count, kind)
        self.used.clear()
        requests: list[dict] = []
        none_share = 0.25 if len(tools) == 1 else 0.18
        while len(requests) < size:
            u = r.random()
            if u < none_share:
                got = self.no_call(tools)
            else:
                v = r.random()
                got = self.request(tools, 1 if v < 0.62 else 2 if v < 0.86 else 3 if v < 0.95 else 4)
            if got:
                requests.append(got)
        return {'kind': kind, 'tools': [t.definition for t in tools], 'requests': requests}

    def __iter__(self) -> Iterator[dict]:
        while True:
            yield self.group()


def main() -> None:
    parser = argparse.ArgumentParser(description='Prints generated groups, one JSON object a line.')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--groups', type=int, default=3)
    parser.add_argument('--split', choices=catalog.SPLITS, default='train')
    args = parser.parse_args()
    generator = Generator(args.seed, args.split)
    for _ in range(args.groups):
        json.dump(generator.group(), sys.stdout, ensure_ascii=False)
        print()


if __name__ == '__main__':
    main()
