"""Which pieces of a request may be the value of an argument: word boundaries, punctuation, numbers, schema limits.

Offsets are token indices into Query.tokens, both ends inclusive.
"""
from __future__ import annotations

from functools import cached_property

from . import number
from .schema import Argument, number_allowed, string_allowed
from .segment import Query
from .text import ascii_lower, is_word_char, may_end, may_start

MAX_TEXT_TOKENS, MAX_NUMBER_TOKENS = 64, 16


class Spans:
    def __init__(self, query: Query):
        self.query = query
        # Characters are looked at as str; tokens that cut a character have no position in it.
        self.char_at = {}
        offset = 0
        for i, c in enumerate(query.text):
            self.char_at[offset] = i
            offset += len(c.encode())
        self.char_at[offset] = len(query.text)
        self.lower = ascii_lower(query.text)

    def span_text(self, start: int, end: int) -> str:
        """The request's own text from token `start` to token `end`."""
        t = self.query.tokens
        return self.query.raw[t[start].start:t[end].end].decode()

    def _range(self, token: int) -> tuple[int, int] | None:
        """Character range of a token, None if it is empty or cuts a character."""
        t = self.query.tokens[token]
        if t.end <= t.start or t.start not in self.char_at or t.end not in self.char_at:
            return None
        return self.char_at[t.start], self.char_at[t.end]

    @cached_property
    def ranges(self) -> list[tuple[int, int] | None]:
        return [self._range(i) for i in range(len(self.query.tokens))]

    def _cuts_word(self, at: int) -> bool:
        text = self.query.text
        return 0 < at < len(text) and is_word_char(text[at - 1]) and is_word_char(text[at])

    @cached_property
    def text_starts(self) -> list[int]:
        text, out = self.query.text, []
        for i, token in enumerate(self.query.tokens):
            c0 = self.char_at.get(token.start)
            if token.end > token.start and c0 is not None and not self._cuts_word(c0) and may_start(text[c0], text[c0 + 1:c0 + 2]):
                out.append(i)
        return out

    @cached_property
    def text_end_candidates(self) -> list[int]:
        text, out = self.query.text, []
        for i, token in enumerate(self.query.tokens):
            c1 = self.char_at.get(token.end)
            if token.end > token.start and c1 is not None and not self._cuts_word(c1) and may_end(text[c1 - 1], text[:c1]):
                out.append(i)
        return out

    def _text_ends(self, start: int, argument: Argument) -> list[int]:
        out = []
        for end in self.text_end_candidates:
            if start <= end < start + MAX_TEXT_TOKENS:
                span = self.span_text(start, end)
                if may_end(span[-1], span) and string_allowed(argument, span):
                    out.append(end)
        return out

    @cached_property
    def numbers(self) -> dict[int, dict[int, tuple[int, int]]]:
        """start token -> end token -> number."""
        text, out = self.lower, {}
        for start, r in enumerate(self.ranges):
            token = self.query.tokens[start]
            c0 = self.char_at.get(token.start)
            if token.end == token.start or c0 is None or not number.boundary_before(text, c0) or not _number_head(text[c0]):
                continue
            ends = {}
            for end in range(start, min(len(self.ranges), start + MAX_NUMBER_TOKENS)):
                c1 = self.char_at.get(self.query.tokens[end].end)
                if c1 is None or c1 <= c0 or not number.boundary_after(text, c1):
                    continue
                value = number.parse(text[c0:c1])
                if value is not None:
                    ends[end] = value
            if ends:
                out[start] = ends
        return out

    def starts(self, argument: Argument, after: int = -1) -> list[int]:
        """Tokens beyond `after` where an allowed value of a string, number or integer begins."""
        if argument.type == "string":
            candidates = [s for s in self.text_starts if s > after]
            return [s for s in candidates if self.ends(s, argument)]
        return [s for s in self.numbers if s > after and self.ends(s, argument)]

    def ends(self, start: int, argument: Argument) -> list[int]:
        """Tokens with which an allowed value that begins at token `start` ends."""
        if argument.type == "string":
            return self._text_ends(start, argument)
        return [e for e, v in self.numbers.get(start, {}).items() if number_allowed(argument, v)]

    def value(self, start: int, end: int, argument: Argument) -> str | tuple[int, int]:
        """The value of an allowed span: its text, or a number (mantissa, scale)."""
        return self.span_text(start, end) if argument.type == "string" else self.numbers[start][end]


def _number_head(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "-+.")
