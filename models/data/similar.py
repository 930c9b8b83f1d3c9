"""Groups that teach which tool a request is about, labelled by a sentence encoder instead of a person.

Requests of every source we have meet tool descriptions of every other: all-MiniLM-L6-v2 (train/sentences.py) says which
tool of a list each request is nearest to, and pairs it is not sure of are left out. The small model so learns the similarity
of many more words than the catalog has. Nothing of the held-out domains or of test rows is in it.

    python3 -m data.similar --public DIR --wheel FILE --out FILE.npz      collects the texts and their vectors (minutes)
    python3 -m data.pack --similar FILE.npz --out DIR --chunks N          packs groups made of them
"""
from __future__ import annotations

import argparse
import json
import pathlib
import random
import re
from collections.abc import Iterator

import numpy as np

from . import catalog, public_rows, wordnet
from .generator import Generator

CATALOG_REQUESTS, SOURCE_REQUESTS, OTHER_SENTENCES = 40000, 5000, 15000
NEAR = 40                # neighbours kept of every text
MARGIN, SURE, FOREIGN = 0.09, 0.4, 0.12   # cosine: best above second, least of a match, most of "nothing fits"
TOO_ALIKE = 0.8          # tools nearer than this are never in one list


# ---- texts -------------------------------------------------------------------------------------

def catalog_texts() -> tuple[list[str], list[tuple[str, str]]]:
    generator, requests, tools = Generator(77, 'train'), [], []
    while len(requests) < CATALOG_REQUESTS:
        requests += [r['query'] for r in generator.group()['requests'] if len(r['calls']) < 2]
    for tool in generator.tools:
        for i, description in enumerate(tool.descriptions):
            tools.append((tool.names[i % len(tool.names)], description))
    return requests, tools


def public_texts(folder: str, rng: random.Random) -> tuple[list[str], list[tuple[str, str]]]:
    requests: list[str] = []
    for source in public_rows.sources(folder):
        if source in ('tools_library', 'composed_multi'):
            continue
        queries = sorted({row['query'] for row in public_rows.rows(folder, source)})
        requests += rng.sample(queries, min(len(queries), SOURCE_REQUESTS))
    tools = [(row['tool']['name'], row['tool'].get('description') or '')
             for row in public_rows.rows(folder, 'tools_library', None) if row['in_train']]
    other: dict[str, list[str]] = {}
    for source, text in public_rows.texts(folder):
        if source in ('metatool_requests', 'taskbench_requests'):
            lines = [line for line in text.split('\n') if 3 <= len(line.split()) <= 25]
        elif source == 'sgd_train_dialogues':
            lines = [line[6:] for line in text.split('\n') if line.startswith('User: ') and 5 <= len(line.split()) <= 20]
        elif source == 'standardebooks':
            lines = [line for line in re.split(r'(?<=[.!?])\s+', text[:20000]) if 5 <= len(line.split()) <= 14]
        elif source == 'open_english_wordnet':
            lines = re.findall(r'"([a-z][^"]{14,80})"', text)
        else:
            continue
        other.setdefault(source, []).extend(lines)
    for lines in other.values():
        lines = sorted(set(lines))
        requests += rng.sample(lines, min(len(lines), OTHER_SENTENCES))
    return requests, tools


def wordnet_tools(folder: str, rng: random.Random, count: int) -> list[tuple[str, str]]:
    synsets = [s for s in wordnet.load(folder, lambda w: len(w.split())) if s.part in ('noun', 'verb') and len(s.definition.split()) > 3]
    return [(s.lemmas[0], s.definition) for s in rng.sample(synsets, min(count, len(synsets)))]


def collect(public: str, wheel: pathlib.Path, out: pathlib.Path) -> None:
    from train.sentences import embed
    rng = random.Random(7)
    requests, tools = catalog_texts()
    more_requests, more_tools = public_texts(public, rng)
    tools += more_tools
    real = len({t for t in tools if t[1]})
    tools = sorted({t for t in tools if len(t[1].split()) > 1}) + wordnet_tools(public, rng, 15000)
    requests = sorted({r for r in requests + more_requests if len(r) < 200})
    print(f'{len(requests)} requests, {len(tools)} tools, {real} of them real', flush=True)
    vectors = embed(wheel, requests + [f'{name}: {description}' for name, description in tools])
    texts = json.dumps({'requests': requests, 'tools': tools}, ensure_ascii=False)
    np.savez(out, texts=np.frombuffer(texts.encode(), 'u1'), requests=vectors[:len(requests)], tools=vectors[len(requests):])


# ---- groups ------------------------------------------------------------------------------------

def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For every row of a the NEAR nearest rows of b, in no order: [len(a), NEAR]."""
    out = np.empty((len(a), NEAR), 'i4')
    for at in range(0, len(a), 1024):
        out[at:at + 1024] = np.argpartition(a[at:at + 1024] @ b.T, -NEAR, axis=1)[:, -NEAR:]
    return out


class Similar:
    """Endless supply of groups (generator.py's neutral form), seeded."""

    def __init__(self, path: str, seed: int):
        self.rng = random.Random(seed)
        file = np.load(path)
        texts = json.loads(file['texts'].tobytes())
        self.requests, self.tools = texts['requests'], texts['tools']
        self.request_vectors, self.tool_vectors = file['requests'].astype('f4'), file['tools'].astype('f4')
        self.tools_near = nearest(self.request_vectors, self.tool_vectors)
        self.requests_near = nearest(self.tool_vectors, self.request_vectors)

    def groups(self) -> Iterator[dict]:
        while True:
            chosen = self._choose(self.rng.choice((2, 3, 4, 5, 6, 8, 10, 12)))
            requests = self._requests(chosen)
            if len(requests) > 4:
                yield {'kind': 'similar', 'tools': [self._definition(t) for t in chosen], 'requests': requests}

    def _choose(self, count: int) -> list[int]:
        """Tools of one list: half of them near to requests that the first one answers."""
        r = self.rng
        chosen = [r.randrange(len(self.tools))]
        names = {self.tools[chosen[0]][0]}
        for _ in range(60):
            if len(chosen) == count:
                break
            if r.random() < 0.6:
                request = self.requests_near[r.choice(chosen)][r.randrange(NEAR)]
                t = int(self.tools_near[request][r.randrange(NEAR)])
            else:
                t = r.randrange(len(self.tools))
            if self.tools[t][0] not in names and (self.tool_vectors[chosen] @ self.tool_vectors[t]).max() < TOO_ALIKE:
                chosen.append(t)
                names.add(self.tools[t][0])
        r.shuffle(chosen)
        return chosen

    def _requests(self, chosen: list[int]) -> list[dict]:
        r, out, vectors = self.rng, [], self.tool_vectors[chosen]
        for _ in range(24):
            if len(out) == 8:
                break
            foreign = r.random() < 0.12
            request = r.randrange(len(self.requests)) if foreign else int(self.requests_near[r.choice(chosen)][r.randrange(NEAR)])
            order = np.argsort(-(scores := vectors @ self.request_vectors[request]))
            best, second = scores[order[0]], scores[order[1]]
            if best > SURE and best - second > MARGIN:
                calls = [{'name': self.tools[chosen[order[0]]][0], 'arguments': {}}]
            elif foreign and best < FOREIGN:
                calls = []
            else:
                continue
            out.append({'kind': 'similar', 'query': self.requests[request], 'calls': calls, 'spans': [{} for _ in calls]})
        return out

    def _definition(self, tool: int) -> dict:
        name, description = self.tools[tool]
        return {'name': name, 'description': description, 'parameters': {'type': 'object', 'properties': {}}}


def main() -> None:
    parser = argparse.ArgumentParser(description='Collects texts and their sentence vectors.')
    parser.add_argument('--public', required=True)
    parser.add_argument('--wheel', required=True, type=pathlib.Path)
    parser.add_argument('--out', required=True, type=pathlib.Path)
    args = parser.parse_args()
    collect(args.public, args.wheel, args.out)


if __name__ == '__main__':
    main()
