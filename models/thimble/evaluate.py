"""python3 -m thimble.evaluate DEV.jsonl... [--model M] [--tokenizer T] [--limit N]: routes dev files with the reference.

Run in models/. For the engine itself use `make eval`. Right tool: the names of the calls in order; exact: names and
arguments. Intervals are Wilson's, 95 %.
"""
from __future__ import annotations

import argparse
import collections
import json
import math
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def canonical(calls: list[dict[str, Any]]) -> list[str]:
    """Calls as comparable texts, in an order of their own (the order of parallel calls is not judged)."""
    return sorted(json.dumps([c["name"], _number(c["arguments"])], sort_keys=True) for c in calls)


def _number(value: Any) -> Any:
    """20.0 and 20 are one number."""
    if isinstance(value, dict):
        return {k: _number(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_number(v) for v in value]
    if isinstance(value, float) and value == int(value):
        return int(value)
    return value


class Score:
    """Counts per kind; `add` takes the gold calls and the answer (None: an error, counted as wrong)."""

    def __init__(self) -> None:
        self.rows: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])

    def add(self, kind: str, gold: list[dict[str, Any]], calls: list[dict[str, Any]] | None) -> bool:
        names = calls is not None and sorted(c["name"] for c in calls) == sorted(c["name"] for c in gold)
        exact = names and canonical(calls) == canonical(gold)
        for key in (kind, "all"):
            row = self.rows[key]
            row[0] += 1
            row[1] += names
            row[2] += exact
        return exact

    def table(self) -> str:
        lines = [f'{"kind":16s} {"n":>5s}  right tool              call exact']
        for kind, (n, names, exact) in sorted(self.rows.items(), key=lambda item: (item[0] == "all", item[0])):
            cells = [f"{100 * h / n:5.1f} % [{100 * wilson(h, n)[0]:4.1f}, {100 * wilson(h, n)[1]:4.1f}]" for h in (names, exact)]
            lines.append(f"{kind:16s} {n:5d}  {cells[0]}    {cells[1]}")
        return "\n".join(lines)


def main() -> None:
    from .reference import Reference
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default=HERE.parent / "tiny" / "model.safetensors")
    parser.add_argument("--tokenizer", default=HERE.parent / "tiny" / "tokenizer.model")
    parser.add_argument("--numeric", default="exact", choices=("exact", "fast"))
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--show", type=int, default=0, help="print the first N wrong answers")
    args = parser.parse_args()
    reference, show = Reference(args.model, args.tokenizer, args.numeric, quantise=True), args.show
    for file in args.files:
        score = Score()
        for line in file.read_text(encoding="utf-8").splitlines()[:args.limit]:
            row = json.loads(line)
            answer = reference.route(row["query"], reference.prepare(row["tools"]))
            if not score.add(row["kind"], row["calls"], answer.calls) and show > 0:
                show -= 1
                print(json.dumps({k: row[k] for k in ("kind", "query", "calls")}), "->", json.dumps(answer.calls))
        print(file.name, score.table(), sep="\n")


if __name__ == "__main__":
    main()
