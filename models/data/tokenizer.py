"""Makes the tokenizer of FORMAT.md 1: corpus, SentencePiece training, check of the id layout, vocab.txt.

    python3 -m data.tokenizer --public DIR [--out tiny] [--corpus FILE]

Writes OUT/tokenizer.model (for Python) and OUT/vocab.txt (piece TAB score, one line an id, for the engine). Deterministic: one
thread, fixed seeds. The tokenizer of a released model is final; running this again is only for a new model."""
from __future__ import annotations

import argparse
import io
import json
import pathlib
import random
import re
import tempfile

import sentencepiece

from thimble.text import PUNCTUATION, model_text, value_words, words
from . import public_rows
from .generator import Generator

VOCAB = 8192
CONTROL = ['<tool>', '<arg>', '<val>', '<is>', '<query>']
REQUIRED_CHARS = 'abcdefghijklmnopqrstuvwxyz0123456789áàâäãåçéèêëíîïñóôöõúûüøæß€£°–—‘’“”…½²µ×'
TYPE_LINES = ['text required', 'number required', 'whole number required', 'yes or no', 'choice', 'choice required',
              'list of text', 'list of choice',
              'list of whole number']
PER_SOURCE = 9000
TEXT_LINES = {'open_english_wordnet': 60000, 'standardebooks': 30000, 'sgd_train_dialogues': 25000,
              'taskbench_requests': 15000, 'metatool_requests': 12000,
              'corpora_sentences': 6000, 'clinc_wiki_sentences': 6000, 'gsm8k_train': 8000, 'taskmaster4_dialogues': 5000,
              'tool_docs': 20000, 'wikipedia_demo': 8000}


def schema_lines(definition: dict) -> list[str]:
    """The texts of a tool segment."""
    out = [words(definition['name']), definition.get('description') or '']
    for name, p in definition.get('parameters', {}).get('properties', {}).items():
        out += [words(name), p.get('description') or '']
        out += [value_words(v) if isinstance(v, str) else json.dumps(v) for v in p.get('enum', [])]
    return out


def generated_lines(groups: int, seed: int, repeats: int = 4):
    """Requests, and the texts of tools, each at most `repeats` times so that the catalog's words do not drown English."""
    seen: dict[str, int] = {}
    for _, group in zip(range(groups), Generator(seed)):
        for tool in group['tools']:
            for line in schema_lines(tool):
                seen[line] = seen.get(line, 0) + 1
                if seen[line] <= repeats:
                    yield line
        for request in group['requests']:
            yield request['query']


def public_lines(folder: str, rng: random.Random):
    for source in public_rows.sources(folder):
        found, docs = [], {}
        for row in public_rows.rows(folder, source):
            found.append(row['query'])
            for t in row['tools']:
                docs.setdefault(t['name'], t)
        rng.shuffle(found)
        yield from found[:PER_SOURCE]
        for t in list(docs.values())[:4000]:
            yield from (words(t['name']), t.get('description') or '')
            for name, p in (t.get('parameters') or {}).items():
                if isinstance(p, dict):
                    yield from (words(name), p.get('description') or '')


def text_lines(folder: str, rng: random.Random):
    kept: dict[str, list[str]] = {}
    for source, text in public_rows.texts(folder):
        kept.setdefault(source, []).extend(s for s in re.split(r'\n|(?<=[.!?;]) ', text) if 3 < len(s) < 300)
    for source in sorted(kept):
        rng.shuffle(kept[source])
        yield from kept[source][:TEXT_LINES.get(source, 5000)]


def write_corpus(path: pathlib.Path, public: str, groups: int = 14000, seed: int = 11) -> int:
    rng = random.Random(seed)
    count = 0
    with open(path, 'wb') as f:
        for source in (generated_lines(groups, seed), public_lines(public, rng), text_lines(public, rng),
                       iter(TYPE_LINES * 300)):
            for line in source:
                line = model_text(line.encode()).strip()
                if line:
                    f.write(line + b'\n')
                    count += 1
    return count


def train(corpus: pathlib.Path, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    with open(corpus, encoding='utf-8') as lines:      # an iterator, not a path: paths would end up in the model file
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line.rstrip('\n') for line in lines), model_writer=model, model_type='bpe', vocab_size=VOCAB,
            normalization_rule_name='identity',
            add_dummy_prefix=True, remove_extra_whitespaces=True, byte_fallback=True, split_digits=True,
            character_coverage=0.9995,
            required_chars=REQUIRED_CHARS, control_symbols=CONTROL, user_defined_symbols=list(PUNCTUATION),
            pad_id=0, eos_id=1, bos_id=2, unk_id=3, num_threads=1, input_sentence_size=0, shuffle_input_sentence=False,
            minloglevel=1)
    (out / 'tokenizer.model').write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(out / 'tokenizer.model'))
    check(pieces)
    lines = [f'{pieces.id_to_piece(i)}\t{pieces.get_score(i)}\n' for i in range(pieces.get_piece_size())]
    (out / 'vocab.txt').write_text(''.join(lines), encoding='utf-8')


def check(pieces: sentencepiece.SentencePieceProcessor) -> None:
    """Raises ValueError if the id layout is not that of FORMAT.md 1."""
    wanted = ['<pad>', '</s>', '<s>', '<unk>'] + CONTROL + list(PUNCTUATION) + [f'<0x{b:02X}>' for b in range(256)]
    if pieces.get_piece_size() != VOCAB:
        raise ValueError(f'{pieces.get_piece_size()} pieces instead of {VOCAB}')
    for i, piece in enumerate(wanted):
        if pieces.id_to_piece(i) != piece:
            raise ValueError(f'id {i} is {pieces.id_to_piece(i)!r}, not {piece!r}')
    for i in range(4, 9):
        if not pieces.is_control(i):
            raise ValueError(f'id {i} is no control symbol')
    for text in ('<tool>', 'a<query>b'):
        if any(4 <= i < 9 for i in pieces.encode(text)):
            raise ValueError(f'{text!r} in a text yields a control symbol')
    scores = [pieces.get_score(i) for i in range(297, VOCAB)]
    if sorted(scores, reverse=True) != scores or len(set(scores)) != len(scores):
        raise ValueError('scores do not fall strictly from id 297 on')
    for i in range(297, VOCAB):
        piece = pieces.id_to_piece(i).replace('\u2581', '')
        if any(c in PUNCTUATION for c in piece) or len(piece) > 1 and any(c.isdigit() and c.isascii() for c in piece):
            raise ValueError(f'piece {piece!r} merges punctuation or digits')


def main() -> None:
    parser = argparse.ArgumentParser(description='Trains the tokenizer (FORMAT.md 1).')
    parser.add_argument('--public', required=True, help='folder of the public *.jsonl.xz files')
    parser.add_argument('--out', default='tiny', help='folder for tokenizer.model and vocab.txt')
    parser.add_argument('--corpus', help='keep the corpus in this file')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = pathlib.Path(args.corpus or pathlib.Path(folder) / 'corpus.txt')
        print(write_corpus(corpus, args.public), 'lines')
        train(corpus, pathlib.Path(args.out))


if __name__ == '__main__':
    main()
