"""python3 -m thimble.make_decisions [--count 250]: tests/golden/decisions.jsonl from the reference. Run in models/.

For the first `count` lines of each dev file, spread over the kinds, and for LONG requests to the list of 200 tools: the positions
chosen at every step (END is -1) and the calls, by the reference with the embedded model in f32 (`exact`: INT8 activations round differently where two sums differ in
the last bit). Decisions whose two best scores are closer than NEAR are near-ties, listed so that a difference there can be told
from a wrong engine. To be made anew whenever the model changes.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TextIO

from .reference import Answer, Reference

HERE = Path(__file__).resolve().parent
TINY, DEV = HERE.parent / "tiny", HERE.parent / "data" / "dev"
OUT = HERE.parent.parent / "tests" / "golden" / "decisions.jsonl"
NEAR = 1e-4
LONG = 12


def write(out: TextIO, file: str, row: str | int, answer: Answer) -> None:
    near = [i for i, gap in enumerate(answer.margins) if gap < NEAR]
    record = {"file": file, "id": row, "steps": answer.steps, "calls": answer.calls, "near": near}
    out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=250)
    args = parser.parse_args()
    reference = Reference(TINY / "model.safetensors", TINY / "tokenizer.model", "exact")
    with OUT.open("w", encoding="utf-8") as out:
        for file in sorted(DEV.glob("*.jsonl")):
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            for row in rows[::max(1, len(rows) // args.count)][:args.count]:
                write(out, file.name, row["id"], reference.route(row["query"], reference.prepare(row["tools"])))
        long_list = json.loads((DEV / "long_list.json").read_text(encoding="utf-8"))
        tools, requests = reference.prepare(long_list["tools"]), long_list["requests"]
        for i in range(0, len(requests), len(requests) // LONG):
            write(out, "long_list.json", i, reference.route(requests[i]["query"], tools))


if __name__ == "__main__":
    main()
