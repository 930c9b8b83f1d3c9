"""The reference router: tools and a request in, calls out, by the Python grammar and the numpy network.

The engine is tested against it decision by decision; training data is checked against it. Not built for speed.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .grammar import Grammar
from .network import Encoded, Model
from .schema import normalise
from .segment import Segment, SegmentBuilder, Tokenizer, query


@dataclass
class Prepared:
    segments: list[Segment]
    encoded: Encoded


@dataclass
class Answer:
    calls: list[dict[str, Any]]
    confidence: float                 # product of the probabilities of all decisions
    steps: list[int]                  # positions chosen, forced ones too; END as -1
    margins: list[float]              # gap between the two best scores of every decision that was not forced


class Reference:
    def __init__(self, model_file: str | Path, tokenizer_file: str | Path, numeric: str = "exact", quantise: bool = False):
        self.model = Model.load(model_file, numeric, quantise)
        self.tokenizer = Tokenizer(str(tokenizer_file))
        self.builder = SegmentBuilder(self.tokenizer)

    def prepare(self, tools: list[Any], lenient: bool = False) -> Prepared:
        segments = [self.builder.tool(t) for t in normalise(tools, lenient)]
        return Prepared(segments, self.model.encode_tools([(s.ids, s.cases) for s in segments]))

    def route(self, text: str, prepared: Prepared, max_calls: int = 8) -> Answer:
        request = query(self.tokenizer, text)
        grammar = Grammar(request, prepared.segments, max_calls)
        encoded = self.model.encode_query(prepared.encoded, [t.id for t in request.tokens], [t.case for t in request.tokens])
        state = self.model.start(prepared.encoded, encoded)
        answer, position = Answer([], 1.0, [], []), None
        while not grammar.done:
            self.model.step(state, position, grammar.kind)
            if len(grammar.allowed) == 1:
                position = grammar.allowed[0]
            else:
                position = self._decide(self.model.score(state), grammar.allowed, answer)
            answer.steps.append(-1 if position == grammar.end else position)
            grammar.choose(position)
        answer.calls = grammar.result()
        return answer

    @staticmethod
    def _decide(scores: np.ndarray, allowed: list[int], answer: Answer) -> int:
        """The best of the allowed positions; the first on ties."""
        s = scores[allowed].astype(np.float64)
        best = int(s.argmax())
        answer.confidence *= float(1 / np.exp(s - s[best]).sum())
        answer.margins.append(float(s[best] - np.partition(s, -2)[-2]))
        return allowed[best]
