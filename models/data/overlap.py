"""What the training domains of the catalog share with the held-out ones, word for word: templates, descriptions, tool names.

    python3 -m data.overlap

Generic requests ("undo", "next") may stand in both; anything longer in this list would make the held-out figures too good."""
from __future__ import annotations

import json

from thimble.text import words
from .catalog import HELD_OUT_DOMAINS, HERE


def texts(tool: dict) -> set[tuple[str, str]]:
    queries = (q['q'] if isinstance(q, dict) else q for q in tool['queries'])
    return ({('template', q.lower()) for q in queries} | {('description', d.lower()) for d in tool['descriptions']}
            | {('name', words(n)) for n in tool['names']})


def main() -> None:
    held: set[tuple[str, str]] = set()
    training: dict[tuple[str, str], str] = {}
    for path in sorted(HERE.glob('domains*/*.json')):
        for tool in json.loads(path.read_text(encoding='utf-8'))['tools']:
            if path.stem in HELD_OUT_DOMAINS:
                held |= texts(tool)
            else:
                training.update(dict.fromkeys(texts(tool), f'{path.parent.name}/{path.stem}'))
    for kind, text in sorted(held & training.keys()):
        print(f'{kind:12} {text!r}  also in {training[kind, text]}')


if __name__ == '__main__':
    main()
