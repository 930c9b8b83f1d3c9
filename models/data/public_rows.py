"""The public data files as rows: FILE.jsonl.xz in one folder, one JSON object a line (see README.md here for what they are)."""
from __future__ import annotations

import json
import lzma
import pathlib
from collections.abc import Iterator


def sources(folder: str) -> list[str]:
    """Names of the files with calls (not the text_* ones), without suffix, sorted."""
    return sorted(p.name[:-len('.jsonl.xz')] for p in pathlib.Path(folder).glob('*.jsonl.xz') if not p.name.startswith('text_'))


def rows(folder: str, source: str, split: str | None = 'train') -> Iterator[dict]:
    """Rows of one source; split None: all of them."""
    with lzma.open(pathlib.Path(folder) / f'{source}.jsonl.xz', 'rt', encoding='utf-8') as f:
        for line in f:
            row = json.loads(line)
            if split is None or row.get('split') == split:
                yield row


def texts(folder: str) -> Iterator[tuple[str, str]]:
    """(source, text) of the text_* files."""
    for path in sorted(pathlib.Path(folder).glob('text_*.jsonl.xz')):
        with lzma.open(path, 'rt', encoding='utf-8') as f:
            for line in f:
                yield path.name[5:-len('.jsonl.xz')], json.loads(line)['text']
