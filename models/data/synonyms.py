"""entities/synonyms.txt: words of the catalog and what may be said in their place.

    python3 -m data.synonyms --ids FILE                    the same as token ids, for the trainer
    python3 -m data.synonyms --public DIR --init FILE      makes the list: synonyms by Open English WordNet (CC-BY-4.0), kept where
                                                           the word vectors that training starts from are alike (train/init.py)
"""
from __future__ import annotations

import argparse
import collections
import json
import pathlib
import random
import re

from . import catalog

HERE = pathlib.Path(__file__).parent
LIST = HERE / 'entities' / 'synonyms.txt'
ALIKE = 0.35            # least cosine between a word and its stand-in: cuts off other senses
MOST = 6                # synonyms kept for a word
_WORD = re.compile(r'[A-Za-z]{3,}')


def read() -> dict[str, list[str]]:
    """word -> its synonyms, lower case."""
    rows = (line.split() for line in LIST.read_text(encoding='utf-8').splitlines() if line and line[0] != '#')
    return {word.rstrip(':'): others for word, *others in rows}


def reword(rng: random.Random, text: str, table: dict[str, list[str]], part: float) -> str:
    """`text` with about `part` of the words that have synonyms replaced; a leading capital stays one."""
    def other(m: re.Match) -> str:
        choices = table.get(m[0].lower())
        if not choices or rng.random() >= part:
            return m[0]
        word = rng.choice(choices)
        return word.capitalize() if m[0][0].isupper() else word
    return _WORD.sub(other, text)


def _pieces() -> list[str]:
    return [line.split('\t')[0] for line in (HERE.parent / 'tiny' / 'vocab.txt').read_text(encoding='utf-8').split('\n')]


def _catalog_words() -> collections.Counter[str]:
    """Words of the training templates and descriptions, with how often they come."""
    words: collections.Counter[str] = collections.Counter()
    for domain in catalog.load('train'):
        for tool in domain.tools:
            texts = [part.text for t in tool.templates for part in t.parts if part.key is None] + list(tool.descriptions)
            for text in texts:
                words.update(m[0].lower() for m in _WORD.finditer(text))
    return words


def _candidates(folder: str, words: set[str]) -> dict[str, set[str]]:
    from . import wordnet
    synonyms: dict[str, set[str]] = collections.defaultdict(set)
    for synset in wordnet.load(folder, lambda text: text.count(' ') * 9):
        for word in synset.lemmas:
            for a, b in ((word, ''), (word + 's', 's')):
                if a in words:
                    synonyms[a].update(w + b for w in synset.lemmas if w != word)
    return synonyms


def make(folder: str, checkpoint: pathlib.Path) -> dict[str, list[str]]:
    import numpy as np

    from thimble import safetensors
    row = {piece[1:]: i for i, piece in enumerate(_pieces()) if piece.startswith('\u2581')}
    vectors = safetensors.read(checkpoint)[0]['embedding']
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    out = {}
    for word, others in sorted(_candidates(folder, {w for w, n in _catalog_words().items() if n >= 2 and w in row}).items()):
        near = sorted(((float(vectors[row[word]] @ vectors[row[o]]), o) for o in others if o in row), reverse=True)
        kept = [o for score, o in near if score >= ALIKE][:MOST]
        if kept:
            out[word] = kept
    return out


def write_ids(path: pathlib.Path) -> None:
    """One line per word that is a single piece: its id, then those of its synonyms."""
    row = {piece[1:]: i for i, piece in enumerate(_pieces()) if piece.startswith('\u2581')}
    path.write_text(''.join(' '.join(str(row[w]) for w in [word, *others] if w in row) + '\n' for word, others in read().items()
                            if word in row))


def main() -> None:
    parser = argparse.ArgumentParser(description='Makes entities/synonyms.txt.')
    parser.add_argument('--public')
    parser.add_argument('--init', type=pathlib.Path)
    parser.add_argument('--ids', type=pathlib.Path, help='write the list as token ids for thimble-train --synonyms instead')
    args = parser.parse_args()
    if args.ids:
        write_ids(args.ids)
        return
    table = make(args.public, args.init)
    lines = ['# word: what may stand for it. From Open English WordNet (CC-BY-4.0, WordNet licence), filtered; see data/synonyms.py']
    LIST.write_text('\n'.join(lines + [f'{w}: {" ".join(o)}' for w, o in table.items()]) + '\n', encoding='utf-8')
    print(json.dumps({'words': len(table), 'synonyms': sum(map(len, table.values()))}))


if __name__ == '__main__':
    main()
