"""The decision state machine of design.md 2.3: which positions may be chosen next, and what the choices mean.

Positions: query rows 0..n-1 (row 0 is <query>), then the rows of all tools in canonical order, then END.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from .number import spell
from .schema import ROOT, Argument
from .segment import Query, Segment
from .spans import Spans

FIRST, NEXT, START, END_OF_SPAN, VALUE, ITEM = range(6)
MAX_CALLS, MAX_DECISIONS = 8, 256


@dataclass
class ArgumentValue:
    argument: Argument
    values: list[Any] = field(default_factory=list)            # str, (mantissa, scale), or enum/boolean JSON value
    spans: list[tuple[int, int] | None] = field(default_factory=list)    # bytes of the request; None for enum, boolean


@dataclass
class Call:
    tool: int                                                  # index in canonical order
    arguments: dict[int, ArgumentValue] = field(default_factory=dict)


def json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return int(spell(value)) if value[1] == 0 else float(spell(value))
    return value


class Grammar:
    """Feed it: while not done: kind, allowed = state; choose(one of allowed)."""

    def __init__(self, query: Query, segments: list[Segment], max_calls: int = MAX_CALLS, must_call: bool = False,
                 only_tool: int | None = None):
        """must_call: at least one call, END is not allowed first. only_tool: no other tool may be called."""
        self.query, self.segments, self.max_calls = query, segments, max_calls
        self.spans = Spans(query)
        self.offsets, row = [], len(query.tokens)
        for s in segments:
            self.offsets.append(row)
            row += len(s.ids)
        self.end = row
        self.calls: list[Call] = []
        self.incomplete: list[tuple[int, list[int]]] = []      # (tool, missing arguments)
        self.done = False
        self.decisions = 0
        self.argument = -1             # last argument used in the current call
        self.span_start = self.span_end = -1                   # tokens of the span in work or last taken
        self._satisfiable: dict[tuple[int, int], bool] = {}
        self.tool_positions = self.offsets if only_tool is None else [self.offsets[only_tool]]
        self._become(FIRST, self.tool_positions + ([] if must_call and segments else [self.end]))

    def choose(self, position: int) -> None:
        if position not in self.allowed:
            raise ValueError(f"position {position} is not allowed")
        self.decisions += 1
        if self.kind in (FIRST, NEXT):
            self._next(position)
        elif self.kind == START:
            self._open_span(position)
        elif self.kind == END_OF_SPAN:
            self._close_span(position)
        elif self.kind == VALUE:
            self._take_value(position)
        else:
            self._item(position)
        if not self.done and self.decisions >= MAX_DECISIONS:
            self._finish()

    # ---- transitions ---------------------------------------------------------------------------

    def _become(self, kind: int, allowed: list[int]) -> None:
        self.kind, self.allowed = kind, allowed

    def _next(self, position: int) -> None:
        if position == self.end:
            self._finish()
        elif position in self.offsets:
            self._close_call()
            self.calls.append(Call(self.offsets.index(position)))
            self.argument = -1
            self._become(NEXT, self._next_positions())
        else:
            tool = self.calls[-1].tool
            self.argument = self.segments[tool].arguments.index(position - self.offsets[tool])
            self.calls[-1].arguments[self.argument] = ArgumentValue(self._current())
            if self._current().values:
                self._become(VALUE, self._value_positions())
            else:
                self._become(START, self.spans.starts(self._current()))

    def _open_span(self, position: int) -> None:
        self.span_start = position
        self._become(END_OF_SPAN, self.spans.ends(position, self._current()))

    def _close_span(self, position: int) -> None:
        tokens = self.query.tokens
        self.span_end = position
        value = self.spans.value(self.span_start, position, self._current())
        self._take(value, (tokens[self.span_start].start, tokens[position].end))

    def _take_value(self, position: int) -> None:
        tool = self.calls[-1].tool
        rows = self.segments[tool].values[self.argument]
        self._take(self._current().values[rows.index(position - self.offsets[tool])], None)

    def _take(self, value: Any, span: tuple[int, int] | None) -> None:
        taken = self.calls[-1].arguments[self.argument]
        again = any(type(v) is type(value) and v == value for v in taken.values)       # 1 and true differ
        if not (self._current().unique_items and again):
            taken.values.append(value)
            taken.spans.append(span)
        if self._current().array:
            self._become(ITEM, self._item_positions())
        else:
            self._become(NEXT, self._next_positions())

    def _item(self, position: int) -> None:
        if position < len(self.query.tokens):
            self._open_span(position)
        elif position in self._value_positions():
            self._take_value(position)
        else:
            self._next(position)

    def _finish(self) -> None:
        self._close_call()
        self.done = True
        self._become(NEXT, [])

    def _close_call(self) -> None:
        """Moves the current call to `incomplete` if a due argument is missing; leaves optional lists that stayed too short out."""
        if not self.calls:
            return
        call = self.calls[-1]
        for i in [i for i, v in call.arguments.items() if not self._due(call, v.argument) and not self._complete(call, i)]:
            del call.arguments[i]
        missing = [i for i, a in enumerate(self.segments[call.tool].tool.arguments)
                   if self._due(call, a) and not self._complete(call, i)]
        if missing:
            self.calls.pop()
            self.incomplete.append((call.tool, missing))

    # ---- what is allowed -----------------------------------------------------------------------

    def _current(self) -> Argument:
        return self.segments[self.calls[-1].tool].tool.arguments[self.argument]

    def _complete(self, call: Call, index: int) -> bool:
        taken = call.arguments.get(index)
        return taken is not None and len(taken.values) >= max(1, taken.argument.min_items)

    def _open(self, call: Call, obj: int) -> bool:
        """Whether an object is certain to be in the output: the root, required in an open one, or with something in it."""
        if obj == ROOT:
            return True
        objects = self.segments[call.tool].tool.objects
        parent, required = objects[obj]
        if required and self._open(call, parent):
            return True
        return any(self._inside(objects, v.argument.object, obj) for v in call.arguments.values())

    @staticmethod
    def _inside(objects: list[tuple[int, bool]], obj: int, outer: int) -> bool:
        while obj != outer and obj != ROOT:
            obj = objects[obj][0]
        return obj == outer

    @staticmethod
    def _comes_with(objects: list[tuple[int, bool]], obj: int, outer: int) -> bool:
        """Whether `outer`, once it is in the output, brings `obj` with it: itself, or required objects all the way."""
        while obj != outer and obj != ROOT and objects[obj][1]:
            obj = objects[obj][0]
        return obj == outer

    def _due(self, call: Call, a: Argument) -> bool:
        return a.required and self._open(call, a.object)

    def can_satisfy(self, tool: int, index: int) -> bool:
        """Whether the request holds an allowed value for an argument."""
        key = (tool, index)
        if key not in self._satisfiable:
            a = self.segments[tool].tool.arguments[index]
            if a.values:
                enough = len(a.values) >= a.min_items          # in a list each of them is taken once
            else:
                enough = len(self.spans.starts(a)) >= max(1, a.min_items)
            self._satisfiable[key] = enough and a.max_items != 0
        return self._satisfiable[key]

    def _enterable(self, call: Call, index: int) -> bool:
        """Whether using this argument keeps every object it opens completable: no required sibling was passed over."""
        arguments = self.segments[call.tool].tool.arguments
        objects = self.segments[call.tool].tool.objects
        obj = arguments[index].object
        while obj != ROOT and not self._open(call, obj):
            for i, other in enumerate(arguments):
                if i != index and other.required and self._comes_with(objects, other.object, obj) and (
                        i < index or not self.can_satisfy(call.tool, i)):
                    return False
            obj = objects[obj][0]
        return True

    def _next_positions(self) -> list[int]:
        call = self.calls[-1]
        arguments = self.segments[call.tool].tool.arguments
        base, rows = self.offsets[call.tool], self.segments[call.tool].arguments
        out = []
        for i in range(self.argument + 1, len(arguments)):
            if not self.can_satisfy(call.tool, i) or not self._enterable(call, i):
                continue
            out.append(base + rows[i])
            if self._due(call, arguments[i]):
                return out
        if len(self.calls) < self.max_calls:
            out += self.tool_positions
        return out + [self.end]

    def _value_positions(self) -> list[int]:
        tool = self.calls[-1].tool
        base, rows = self.offsets[tool], self.segments[tool].values[self.argument]
        a, taken = self._current(), self.calls[-1].arguments[self.argument].values
        return [base + r for r, v in zip(rows, a.values) if not (a.array and any(v is x for x in taken))]

    def _item_positions(self) -> list[int]:
        a, taken = self._current(), self.calls[-1].arguments[self.argument]
        more: list[int] = []
        if a.max_items is None or len(taken.values) < a.max_items:
            if a.values:
                more = self._value_positions()
            else:
                more = self.spans.starts(a, after=self.span_end)
        if more and len(taken.values) < a.min_items:
            return more
        return more + self._next_positions()

    # ---- results -------------------------------------------------------------------------------

    def result(self) -> list[dict[str, Any]]:
        """[{"name", "arguments"}] with the caller's names; call when done."""
        return [{"name": self.segments[c.tool].tool.name, "arguments": self.arguments(c)} for c in self.calls]

    def arguments(self, call: Call, obj: int = ROOT, convert: Callable[[Any], Any] = json_value) -> dict[str, Any]:
        """The members of one object in canonical order; required objects are there even when nothing is in them."""
        tool = self.segments[call.tool].tool
        members = [(i, 1, i) for i, v in call.arguments.items() if v.argument.object == obj]
        members += [(first, 0, o) for o, (_, first) in enumerate(tool.places)
                    if o != ROOT and tool.objects[o][0] == obj and self._open(call, o)]
        out: dict[str, Any] = {}
        for _, is_argument, i in sorted(members):
            if is_argument:
                taken = call.arguments[i]
                values = [convert(v) for v in taken.values]
                out[taken.argument.path[-1]] = values if taken.argument.array else values[0]
            else:
                out[tool.places[i][0]] = self.arguments(call, i, convert)
        return out


@dataclass
class Decision:
    kind: int
    target: int
    allowed: list[int]


class NotGrounded(ValueError):
    """A wanted decision is not among the allowed ones; the text names the reason."""


def decisions_for(grammar: Grammar, calls: list[dict[str, Any]]) -> list[Decision]:
    """The decisions that spell `calls`, through a fresh Grammar.

    calls: [{"tool": index in canonical order, "arguments": {argument index: items}}], items a list of (start, end) byte
    spans for string, number and integer arguments, or of indices into Argument.values; one item unless it is an array.
    Raises NotGrounded("reason") if the grammar does not allow one of them.
    """
    tokens = grammar.query.tokens
    starts = {t.start: i for i, t in reversed(list(enumerate(tokens))) if t.end > t.start}
    ends = {t.end: i for i, t in enumerate(tokens) if t.end > t.start}
    out: list[Decision] = []

    def take(position: int | None, reason: str) -> None:
        if position is None or position not in grammar.allowed:
            raise NotGrounded(reason)
        out.append(Decision(grammar.kind, position, list(grammar.allowed)))
        grammar.choose(position)

    for call in calls:
        base, segment = grammar.offsets[call["tool"]], grammar.segments[call["tool"]]
        take(base, "tool")
        for index in sorted(call["arguments"]):
            take(base + segment.arguments[index], "argument")
            for item in call["arguments"][index]:
                if isinstance(item, tuple):
                    take(starts.get(item[0]), "span start")
                    take(ends.get(item[1]), "span end")
                else:
                    take(base + segment.values[index][item], "value")
    take(grammar.end, "end")
    if grammar.incomplete:
        raise NotGrounded("incomplete")
    return out
