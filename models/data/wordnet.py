"""Open English WordNet -> neutral groups that teach word meaning: pick the tool or the enum value that another word, or a
definition, stands for.

Telling tools and values apart is mostly a question of synonyms, and the catalog says each thing in a few ways only. Lines of
the source: `lemma, lemma (part of speech): definition. For example: "..."`, neighbours in the file being near in meaning.

    python3 -m data.wordnet --public DIR [--groups N]      prints groups
"""
from __future__ import annotations

import argparse
import json
import lzma
import pathlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FILE = 'text_open_english_wordnet.jsonl.xz'
MAX_PIECES = 3          # longer words are rare ones
NEIGHBOURHOOD = 40      # synsets of the file from which near options are drawn
_LINE = re.compile(r'^([^()]+) \((noun|verb|adjective|adverb)\): (.+?)\.(?: For example: .*)?$')
_LEMMA = re.compile(r"[a-z]+(?:[ -][a-z]+){0,2}")

CARRIERS = {
    'noun': ('I want the {}', 'the {} please', '{}', 'show me {}', 'go for {}', 'it should be a {}', 'something like {}', 'give me {}', "let's have {}",
             'I was thinking of {}', 'what about {}', 'any {} will do', 'put down {}', 'make it {}'),
    'verb': ('{} it', 'please {} this', 'could you {} that', "I'd like to {}", 'time to {}', '{}', "let's {}", 'we need to {} it now', 'go ahead and {}',
             'can you {} for me', 'I want to {} everything', 'help me {}', 'you may {} it', 'would you {} the rest'),
    'adjective': ('make it {}', 'something {}', 'it looks {} to me', '{}', 'I want it {}', '{} ones only', 'rather {} please', "it's {}", 'only the {} ones',
                  'anything {}', 'this one is {}', 'keep it {}'),
    'adverb': ('do it {}', '{}', '{} please', 'I want this done {}', 'it should go {}', 'play it {}'),
}
BY_DEFINITION = {
    'noun': ('I mean {}', 'the thing that is {}', '{}', 'looking for {}', 'give me {}'),
    'verb': ('I want to {}', 'please {}', '{}', 'can you {}', 'I need to {}'),
    'adjective': ('something {}', 'I want it {}', '{}', 'it is {}', 'only what is {}'),
    'adverb': ('do it {}', '{}'),
}
ENUM_TOOLS = ('set_kind', 'choose_option', 'filter_by', 'label_item', 'selectMode', 'tag', 'mark_as', 'pick.category', 'update_status', 'setStyle', 'classify',
              'change_type', 'apply', 'configure_view', 'assignGroup')
ENUM_ARGUMENTS = ('kind', 'type', 'mode', 'category', 'option', 'value', 'label', 'style', 'status', 'class', 'group')
ENUM_DESCRIPTIONS = ('', 'Choose one of the options', 'Which one is wanted', 'Sets it to one of the values', 'One of a fixed list')


@dataclass(frozen=True)
class Synset:
    lemmas: tuple[str, ...]
    part: str
    definition: str


def load(folder: str, pieces: Callable[[str], int]) -> list[Synset]:
    """Synsets in file order whose words are common: `pieces` counts the tokens of a text."""
    out = []
    with lzma.open(pathlib.Path(folder) / FILE, 'rt', encoding='utf-8') as f:
        for row in f:
            for line in json.loads(row)['text'].split('\n'):
                m = _LINE.match(line)
                if not m:
                    continue
                lemmas = tuple(w for w in m.group(1).split(', ') if _LEMMA.fullmatch(w) and pieces(w) <= MAX_PIECES)
                definition = re.sub(r'\s*\([^)]*\)', '', m.group(3)).split(';')[0].strip()
                if lemmas and 8 <= len(definition) <= 120:
                    out.append(Synset(lemmas, m.group(2), definition))
    return out


class WordNet:
    """Endless supply of groups (generator.py's neutral form), seeded."""

    def __init__(self, synsets: list[Synset], seed: int):
        self.rng, self.synsets = random.Random(seed), synsets
        self.rich = [i for i, s in enumerate(synsets) if len(s.lemmas) > 1]

    def groups(self) -> Iterator[dict]:
        while True:
            chosen = self._choose(self.rng.randint(2, 7))
            yield self._tools(chosen) if self.rng.random() < 0.5 else self._enum(chosen)

    def _choose(self, count: int) -> list[Synset]:
        """Synsets of one part of speech without a lemma in common; half of the time near ones."""
        r = self.rng
        at = r.choice(self.rich)
        near = range(max(0, at - NEIGHBOURHOOD), min(len(self.synsets), at + NEIGHBOURHOOD))
        out, words, tries = [self.synsets[at]], set(self.synsets[at].lemmas), 0
        while len(out) < count and tries < 60:
            tries += 1
            s = self.synsets[r.choice(near) if r.random() < 0.5 else r.choice(self.rich)]
            if s.part == out[0].part and not words & set(s.lemmas):
                out.append(s)
                words |= set(s.lemmas)
        r.shuffle(out)
        return out

    def _said(self, s: Synset, shown: str, by_definition: bool) -> str:
        """A request for the synset: by another of its lemmas, or by its definition if that is not shown."""
        r = self.rng
        others = [w for w in s.lemmas if w != shown]
        if others and not (by_definition and r.random() < 0.4):
            return r.choice(CARRIERS[s.part]).format(r.choice(others))
        if by_definition:
            return r.choice(BY_DEFINITION[s.part]).format(s.definition)
        return r.choice(CARRIERS[s.part]).format(shown)

    def _request(self, query: str, calls: list[dict]) -> dict:
        return {'kind': 'wordnet', 'query': query, 'calls': calls, 'spans': [{} for _ in calls]}

    def _tools(self, chosen: list[Synset]) -> dict:
        """Tools named by a lemma; the definition is their description, or is what requests say."""
        r = self.rng
        described = r.random() < 0.6
        shown = {s: r.choice(s.lemmas) for s in chosen}
        tools = [{'name': self._name(shown[s]), 'description': s.definition if described else '', 'parameters': {'type': 'object', 'properties': {}}}
                 for s in chosen]
        requests = []
        for _ in range(8):
            if len(chosen) > 2 and r.random() < 0.1:
                s = self.synsets[r.choice(self.rich)]
                if not any(set(s.lemmas) & set(c.lemmas) for c in chosen):
                    requests.append(self._request(self._said(s, '', False), []))
                continue
            i = r.randrange(len(chosen))
            requests.append(self._request(self._said(chosen[i], shown[chosen[i]], not described), [{'name': tools[i]['name'], 'arguments': {}}]))
        return {'kind': 'wordnet', 'tools': tools, 'requests': requests}

    def _enum(self, chosen: list[Synset]) -> dict:
        r = self.rng
        name, argument, shown = r.choice(ENUM_TOOLS), r.choice(ENUM_ARGUMENTS), [r.choice(s.lemmas) for s in chosen]
        values = [self._name(w) if r.random() < 0.3 else w for w in shown]
        tool = {'name': name, 'description': r.choice(ENUM_DESCRIPTIONS),
                'parameters': {'type': 'object', 'properties': {argument: {'type': 'string', 'enum': values}}, 'required': [argument]}}
        requests = []
        for _ in range(8):
            i = r.randrange(len(chosen))
            query = self._said(chosen[i], shown[i], r.random() < 0.5)
            requests.append(self._request(query, [{'name': name, 'arguments': {argument: values[i]}}]))
        return {'kind': 'wordnet', 'tools': [tool], 'requests': requests}

    def _name(self, words: str) -> str:
        parts = re.split('[ -]', words)
        return self.rng.choice(('_'.join(parts), '_'.join(parts), parts[0] + ''.join(p.capitalize() for p in parts[1:]), '-'.join(parts), words.upper().replace(' ', '_')))


def main() -> None:
    parser = argparse.ArgumentParser(description='Prints groups made from Open English WordNet.')
    parser.add_argument('--public', required=True)
    parser.add_argument('--groups', type=int, default=5)
    args = parser.parse_args()
    supply = WordNet(load(args.public, lambda w: 1), 1).groups()
    for _ in range(args.groups):
        print(json.dumps(next(supply), ensure_ascii=False))


if __name__ == '__main__':
    main()
