"""The reference router: tools and a request in, calls out, by the Python grammar and the numpy network.

The engine is tested against it decision by decision; training data is checked against it. Not built for speed.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .grammar import FIRST, Grammar
from .network import Encoded, Model
from .schema import normalise
from .segment import Query, Segment, SegmentBuilder, Tokenizer, query

WHOLE_LIST, SHORT_LIST = 12, 8       # tools: longer lists are narrowed, to so many


@dataclass
class Prepared:
    segments: list[Segment]
    encoded: Encoded


@dataclass
class Answer:
    calls: list[dict[str, Any]]
    confidence: float                 # product of the probabilities of all decisions
    steps: list[int]                  # positions chosen, forced ones too; END as -1
    margins: list[float]              # gap between the two best scores of every decision that was not forced; of the
                                      # last tool on a short list and the first one off it


class Reference:
    def __init__(self, model_file: str | Path, tokenizer_file: str | Path, numeric: str = "exact", quantise: bool = False):
        self.model = Model.load(model_file, numeric, quantise)
        self.tokenizer = Tokenizer(str(tokenizer_file))
        self.builder = SegmentBuilder(self.tokenizer)
        self.none_above = float(self.model.metadata.get("none_above", 1))

    def prepare(self, tools: list[Any], lenient: bool = False) -> Prepared:
        segments = [self.builder.tool(t) for t in normalise(tools, lenient)]
        return Prepared(segments, self.model.encode_tools([(s.ids, s.cases) for s in segments]))

    def route(self, text: str, prepared: Prepared, max_calls: int = 8) -> Answer:
        request, answer, position = query(self.tokenizer, text), Answer([], 1.0, [], []), None
        if len(prepared.segments) > WHOLE_LIST:
            prepared = self._shortlist(request, prepared, answer)
        grammar = Grammar(request, prepared.segments, max_calls)
        encoded = self.model.encode_query(prepared.encoded, [t.id for t in request.tokens], [t.case for t in request.tokens])
        state = self.model.start(prepared.encoded, encoded)
        while not grammar.done:
            self.model.step(state, position, grammar.kind)
            if len(grammar.allowed) == 1:
                position = grammar.allowed[0]
            else:
                end = None if answer.steps else grammar.end
                position = self._decide(self.model.score(state), grammar.allowed, end, answer)
            answer.steps.append(-1 if position == grammar.end else position)
            grammar.choose(position)
        answer.calls = grammar.result()
        return answer

    def _shortlist(self, request: Query, prepared: Prepared, answer: Answer) -> Prepared:
        """The tools of a long list to decide among: those that the request, encoded without them, looks for."""
        nothing = prepared.encoded.part([])
        encoded = self.model.encode_query(nothing, [t.id for t in request.tokens], [t.case for t in request.tokens])
        state = self.model.start(nothing, encoded)
        self.model.step(state, None, FIRST)
        first_rows = np.cumsum([0] + [len(s.ids) for s in prepared.segments])
        scores = self.model.match(state, prepared.encoded.part(list(first_rows[:-1])))
        order = np.argsort(-scores, kind="stable")
        answer.margins.append(float(scores[order[SHORT_LIST - 1]] - scores[order[SHORT_LIST]]))
        chosen = sorted(order[:SHORT_LIST])
        rows = [r for i in chosen for r in range(first_rows[i], first_rows[i + 1])]
        return Prepared([prepared.segments[i] for i in chosen], prepared.encoded.part(rows))

    def _decide(self, scores: np.ndarray, allowed: list[int], end: int | None, answer: Answer) -> int:
        """The best of the allowed positions; the first on ties. `end`: of the first decision, which is END, no call, where
        that is likelier than none_above."""
        s = scores[allowed].astype(np.float64)
        best = int(s.argmax())
        likely = np.exp(s - s[best])
        likely /= likely.sum()
        margin = float(s[best] - np.partition(s, -2)[-2])
        if end in allowed and self.none_above < 1:
            none = float(likely[allowed.index(end)])
            margin = min(margin, abs(none - self.none_above)) if none <= self.none_above else none - self.none_above
            if none > self.none_above:
                best = allowed.index(end)
        answer.confidence *= float(likely[best])
        answer.margins.append(margin)
        return allowed[best]
