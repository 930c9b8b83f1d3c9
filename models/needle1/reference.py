"""Needle 1 decoded in float32 numpy: the measure for the engine's `exact` mode.

    reference = Reference.load("DIR")                 DIR holds needle.safetensors and vocab.txt
    answer = reference.run("rain in Oslo?", '[{"name":"getWeather",...}]')
    answer.text, answer.ids, answer.gaps

    PYTHONPATH=models python3 -m needle1.reference DIR < requests.jsonl > answers.jsonl
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from thimble import network

from . import prompt
from .constraint import FREE, Constraint
from .tokenizer import END, Tokenizer

MAX_NEW = 511                   # tokens, the end token not counted
MAX_EMBED = 256                 # tokens of a text for the retrieval head
PAUSE = 24                      # free steps at most between two pieces of a script


@dataclass
class Answer:
    ids: list[int] = field(default_factory=list)        # without the end token
    forced: list[bool] = field(default_factory=list)    # per id: fed by the script, not chosen
    gaps: list[float] = field(default_factory=list)     # per choice: largest minus second largest logit
    ended: bool = False                                 # the end token came
    raw: str = ""                                       # decoded ids
    text: str = ""                                      # with the caller's names


class Reference:
    def __init__(self, model: network.Model, tokens: Tokenizer):
        self.model, self.tokens, self.texts = model, tokens, tokens.token_texts()

    @classmethod
    def load(cls, folder: str | Path, numeric: str = "exact") -> "Reference":
        folder = Path(folder)
        return cls(network.Model.load(folder / "needle.safetensors", numeric),
                   Tokenizer.load(folder / "vocab.txt"))

    def encode(self, query: str, tools: str) -> tuple[list[int], network.Encoded]:
        """`tools` normalised."""
        limit = int(self.model.metadata.get("max_enc_len", self.model.metadata.get("max_seq_len", 1024)))
        ids = prompt.input_ids(self.tokens, query, tools, limit)
        return ids, self.model.encode(ids)

    def decode(self, memory: network.Encoded, guide: Constraint | None, limit: int = MAX_NEW,
               script: Sequence[str] = ()) -> Answer:
        """Greedy, the lowest id on ties. The texts of `script` are fed in turn, less what is already
        written of them: the first at once, the next when the guide is back outside names and keys,
        or after PAUSE free steps."""
        answer, state, previous = Answer(), self.model.start(None, memory), END
        pieces, fed, pause, written = list(script), [], 0, ""
        while len(answer.ids) < limit:
            self.model.step_token(state, previous)
            inside = guide is not None and guide.machine.state != FREE
            if not fed and pieces and (not answer.ids or pause == PAUSE or (pause and not inside)):
                fed, pause = self._missing(written, pieces.pop(0)), 0
            forced = bool(fed)
            if forced:
                previous = fed.pop(0)
            else:
                previous, gap = choose(self.model.logits(state), guide.mask() if guide else None)
                answer.gaps.append(gap)
                pause += 1
            if previous == END:
                answer.ended = True
                break
            if guide is not None:
                guide.feed(previous)
            written += self.texts[previous]
            answer.ids.append(previous)
            answer.forced.append(forced)
        return answer

    def _missing(self, written: str, piece: str) -> list[int]:
        """The ids of `piece` without the longest start of it that ends `written`."""
        known = next(n for n in range(len(piece), -1, -1) if written.endswith(piece[:n]))
        return self.tokens.encode_inside(piece[known:])

    def run(self, query: str, tools: str, constrained: bool = True, limit: int = MAX_NEW,
            script: Sequence[str] = ()) -> Answer:
        tools, names = prompt.normalise_tools(tools)
        _, memory = self.encode(query, tools)
        answer = self.decode(memory, Constraint(self.texts, tools) if constrained else None, limit, script)
        return self.finish(answer, names)

    def finish(self, answer: Answer, names: dict[str, str]) -> Answer:
        answer.raw = self.tokens.decode(answer.ids)
        answer.text = prompt.restore(answer.raw, names)
        return answer

    def embed(self, text: str) -> np.ndarray:
        """The retrieval head's unit vector of a text."""
        vectors = self.model.vectors
        if "contrastive_proj_kernel" not in vectors:
            raise ValueError("this file holds no retrieval head")
        mean = self.model.encode(self.tokens.encode(text)[:MAX_EMBED]).states.mean(0)
        hidden = np.maximum(mean @ vectors["contrastive_hidden_kernel"] + vectors["contrastive_hidden_bias"], 0)
        out = hidden @ vectors["contrastive_proj_kernel"]
        return out / np.sqrt((out * out).sum() + np.float32(1e-12))

    def retrieve(self, query: str, tools: str) -> list[float]:
        """Similarity of the query to each tool of the list, a tool read as its compact JSON."""
        vector = self.embed(query)
        return [float(vector @ self.embed(prompt.dump(tool)))
                for tool in json.loads(prompt.normalise_tools(tools)[0])]


def choose(logits: np.ndarray, mask: np.ndarray | None) -> tuple[int, float]:
    """The best allowed id and its lead over the second best (infinite where nothing else is allowed)."""
    if mask is not None:
        logits = np.where(mask, logits, -np.inf)
    best = int(np.argmax(logits))
    rest = np.delete(logits, best).max()
    return best, float(logits[best] - rest)


def main() -> None:
    reference = Reference.load(sys.argv[1])
    for line in sys.stdin:
        row = json.loads(line)
        tools = row["tools"] if isinstance(row["tools"], str) else json.dumps(row["tools"])
        answer = reference.run(row["query"], tools)
        print(json.dumps({"id": row.get("id"), "text": answer.text, "tokens": answer.ids}))


if __name__ == "__main__":
    main()
