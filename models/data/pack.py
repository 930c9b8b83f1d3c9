"""Neutral groups (generator.py, public.py) -> packed training data of FORMAT.md 6.

    python3 -m data.pack --out DIR [--split train|phrasings|domains] [--examples N] [--first K] [--chunks M] [--tokenizer FILE]
    python3 -m data.pack --out DIR --folders domains3 domains4 [...]      tool lists of these folders of the catalog only
    python3 -m data.pack --out DIR --public DIR [--examples N per chunk]

Chunk K of the catalog is DIR/train_KKK.bin, made with seed K alone, so chunks can be made by several processes or again.
The decisions come from thimble.grammar: an example whose wanted decision is not allowed there is dropped, and so is one whose
decisions do not give back exactly its calls. Drops are counted by reason; more than 3 % means a fault in generator or grammar."""
from __future__ import annotations

import argparse
import array
import collections
import pathlib
import struct
import sys
import time

from thimble import grammar, schema, segment
from . import catalog
from .generator import PATH_SEPARATOR, Generator

CHUNK_EXAMPLES = 20000
# Loss weight by kind of decision (FORMAT.md 3): which tool, or none, decides everything after it.
WEIGHTS = {grammar.FIRST: 2.0, grammar.NEXT: 1.0, grammar.START: 1.0, grammar.END_OF_SPAN: 1.0, grammar.VALUE: 1.0,
           grammar.ITEM: 1.0}
_WEIGHT_BITS = {k: struct.unpack('<i', struct.pack('<f', w))[0] for k, w in WEIGHTS.items()}
MAX_GROUP_TOKENS = 4000


class Dropped(ValueError):
    """An example that cannot be packed; the text names the reason."""


class Packer:
    """Packs groups; `drops` counts dropped examples by reason, `packed` the others."""

    def __init__(self, tokenizer_file: str):
        self.tokenizer = segment.Tokenizer(tokenizer_file)
        self.builder = segment.SegmentBuilder(self.tokenizer)
        self.drops: collections.Counter[str] = collections.Counter()
        self.packed = 0

    def group(self, group: dict) -> bytes:
        """The group's bytes; b'' if none of its requests could be packed."""
        try:
            tools = schema.normalise(group['tools'])
            segments = [self.builder.tool(t) for t in tools]
        except (schema.ToolError, segment.TooLong) as error:
            self.drops[f'tools: {getattr(error, "code", "?")}'] += len(group['requests'])
            return b''
        if sum(len(s.ids) for s in segments) > MAX_GROUP_TOKENS:
            self.drops['tools: group too long'] += len(group['requests'])
            return b''
        rows = []
        for request in group['requests']:
            try:
                rows.append(self._request(request, segments))
                self.packed += 1
            except (Dropped, grammar.NotGrounded, segment.TooLong) as error:
                self.drops[str(error) if not isinstance(error, segment.TooLong) else 'query too long'] += 1
        if not rows:
            return b''
        out = array.array('i', [len(segments)])
        for s in segments:
            out.append(len(s.ids))
            out.extend(i | c << 16 for i, c in zip(s.ids, s.cases))
        out.append(len(rows))
        for row in rows:
            out.extend(row)
        if sys.byteorder == 'big':
            out.byteswap()
        return out.tobytes()

    def _request(self, request: dict, segments: list) -> array.array:
        query = segment.query(self.tokenizer, request['query'])
        machine = grammar.Grammar(query, segments)
        decisions = grammar.decisions_for(machine, self._calls(request, segments))
        if machine.result() != request['calls']:
            raise Dropped('result differs')
        out = array.array('i', [len(query.tokens)])
        out.extend(t.id | t.case << 16 for t in query.tokens)
        out.append(len(decisions))
        for d in decisions:
            out.extend((d.kind, d.target, _WEIGHT_BITS[d.kind], len(d.allowed)))
            out.extend(d.allowed)
        return out

    @staticmethod
    def _calls(request: dict, segments: list) -> list[dict]:
        """The form that grammar.decisions_for takes."""
        index = {s.tool.name: i for i, s in enumerate(segments)}
        offsets = None if request['query'].isascii() else _byte_offsets(request['query'])
        out = []
        for call, spans in zip(request['calls'], request['spans'], strict=True):
            tool = index[call['name']]
            arguments = {}
            for number, a in enumerate(segments[tool].tool.arguments):
                value: object = call['arguments']
                for key in a.path:
                    value = value.get(key) if isinstance(value, dict) else None
                if value is None:
                    continue
                if a.values:
                    arguments[number] = [_value_index(a.values, v) for v in (value if a.array else [value])]
                else:
                    places = spans.get(PATH_SEPARATOR.join(a.path))
                    if not places:
                        raise Dropped('no span')
                    arguments[number] = [(s, e) if offsets is None else (offsets[s], offsets[e]) for s, e in places]
            out.append({'tool': tool, 'arguments': arguments})
        return out


def _byte_offsets(text: str) -> list[int]:
    out = [0]
    for c in text:
        out.append(out[-1] + len(c.encode()))
    return out


def _value_index(values: list, wanted) -> int:
    for i, v in enumerate(values):
        if v == wanted and isinstance(v, bool) == isinstance(wanted, bool):
            return i
    raise Dropped('not a value of the enum')


def write_chunk(path: pathlib.Path, packer: Packer, groups, examples: int, max_groups: int | None = None) -> int:
    """Packs groups until `examples` are written (or `max_groups` groups, or no more come); returns how many examples were."""
    start, count = packer.packed, 0
    temporary = path.with_suffix('.part')
    with open(temporary, 'wb') as f:
        for group in groups:
            data = packer.group(group)
            f.write(data)
            count += bool(data)
            if packer.packed - start >= examples or count == max_groups:
                break
    if packer.packed == start:
        temporary.unlink()
        return 0
    temporary.rename(path)
    return packer.packed - start


def report(packer: Packer, seconds: float) -> str:
    dropped = sum(packer.drops.values())
    share = dropped / max(1, dropped + packer.packed)
    return (f'{packer.packed} examples, {packer.packed / seconds:.0f}/s, dropped {dropped} ({share:.2%}) '
            f'{dict(packer.drops.most_common(8))}')


def main() -> None:
    parser = argparse.ArgumentParser(description='Packs training data (FORMAT.md 6).')
    parser.add_argument('--out', required=True, type=pathlib.Path)
    parser.add_argument('--split', choices=catalog.SPLITS, default='train')
    parser.add_argument('--folders', nargs='+', default=(), help='folders of the catalog to build tool lists from (all)')
    parser.add_argument('--public', help='pack the public rows of this folder instead of the catalog')
    parser.add_argument('--wordnet', help="pack groups made from this folder's WordNet instead of the catalog")
    parser.add_argument('--similar', help='pack groups made from this file of data/similar.py instead of the catalog')
    parser.add_argument('--examples', type=int, default=CHUNK_EXAMPLES, help='examples of a chunk')
    parser.add_argument('--groups', type=int, help='groups of a chunk at most')
    parser.add_argument('--first', type=int, default=0, help='number of the first chunk')
    parser.add_argument('--chunks', type=int, default=1)
    parser.add_argument('--name', help='file name before the number')
    parser.add_argument('--tokenizer', default='tiny/tokenizer.model')
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    packer = Packer(args.tokenizer)
    began = time.time()
    public_groups = None
    if args.public:
        from . import public
        public_groups = public.groups(args.public, seed=1)
    if args.wordnet:
        from . import wordnet
        synsets = wordnet.load(args.wordnet, lambda text: len(packer.tokenizer.encode(text)))
        public_groups = wordnet.WordNet(synsets, args.first).groups()
    if args.similar:
        from . import similar
        public_groups = similar.Similar(args.similar, args.first).groups()
    for number in range(args.first, args.first + args.chunks):
        name = args.name or ('similar' if args.similar else 'public' if args.public else 'wordnet' if args.wordnet else args.split)
        groups = public_groups if public_groups is not None else Generator(
            1000 + number if args.split == 'train' else number, args.split, folders=args.folders)
        path = args.out / f'{name}_{number:03}.bin'
        if not write_chunk(path, packer, groups, args.examples, args.groups):
            break
        print(path.name, report(packer, time.time() - began), flush=True)


if __name__ == '__main__':
    main()
