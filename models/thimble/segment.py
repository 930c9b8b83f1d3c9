"""Tools and requests as token segments (FORMAT.md 1 and 2)."""
from __future__ import annotations

import json
from dataclasses import dataclass, field

import sentencepiece

from .schema import Argument, Tool
from .text import case_class, model_text, value_words, words

TOOL, ARG, VAL, IS, QUERY = 4, 5, 6, 7, 8
FIRST_BYTE_PIECE, BYTE_PIECES = 41, 256
NAME_LIMIT, DESCRIPTION_LIMIT, ARGUMENT_LIMIT, VALUE_LIMIT = 24, 64, 40, 12
TOOL_LIMIT, QUERY_LIMIT, QUERY_BYTES = 640, 320, 16384
TYPE_WORDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "yes or no", "enum": "choice"}


class TooLong(ValueError):
    """E_TOO_LONG: a tool or request exceeds the limits of FORMAT.md 2."""

    code = "E_TOO_LONG"


@dataclass(frozen=True)
class Token:
    id: int
    start: int      # byte offsets in the caller's text, the space before a word left out
    end: int
    case: int


class Tokenizer:
    """SentencePiece over ASCII-lower-cased text, with byte offsets and case classes."""

    def __init__(self, model_file: str):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=model_file)
        self.surface = [self._surface(i) for i in range(self.pieces.get_piece_size())]

    def _surface(self, piece: int) -> tuple[bool, int]:
        """(begins with a space, length in bytes without it) of a piece."""
        if FIRST_BYTE_PIECE <= piece < FIRST_BYTE_PIECE + BYTE_PIECES:
            return False, 1
        text = self.pieces.id_to_piece(piece)
        return text.startswith("\u2581"), len(text.lstrip("\u2581").encode())

    def encode(self, text: str) -> list[Token]:
        raw = text.encode()
        lowered = model_text(raw)
        at, out = 0, []
        for piece in self.pieces.encode(lowered.decode()):
            spaced, length = self.surface[piece]
            while at < len(raw) and lowered[at] == 0x20 and (spaced or length):
                at += 1
            out.append(Token(piece, at, at + length, case_class(raw[at:at + length])))
            at += length
        return out


@dataclass
class Segment:
    """What the encoder reads of one tool, and where its anchors are."""

    tool: Tool
    ids: list[int]
    cases: list[int]
    arguments: list[int] = field(default_factory=list)         # row of <arg> per argument
    values: list[list[int]] = field(default_factory=list)      # rows of <val> per argument


class SegmentBuilder:
    """Builds tool segments; tokenised texts are remembered, since names and descriptions recur in training data."""

    def __init__(self, tokenizer: Tokenizer, remember: int = 200_000):
        self.tokenizer, self.cache, self.remember = tokenizer, {}, remember

    def _text(self, text: str, limit: int) -> tuple[list[int], list[int]]:
        hit = self.cache.get((text, limit))
        if hit is None:
            tokens = self.tokenizer.encode(text)[:limit]
            hit = [t.id for t in tokens], [t.case for t in tokens]
            if len(self.cache) < self.remember:
                self.cache[(text, limit)] = hit
        return hit

    def tool(self, tool: Tool) -> Segment:
        s = Segment(tool, [TOOL], [0])
        self._append(s, words(tool.name), NAME_LIMIT)
        if tool.description:
            self._control(s, IS)
            self._append(s, tool.description, DESCRIPTION_LIMIT)
        for a in tool.arguments:
            s.arguments.append(len(s.ids))
            self._control(s, ARG)
            self._append(s, " ".join(words(key) for key in a.path), NAME_LIMIT)
            self._control(s, IS)
            self._append(s, argument_text(a), ARGUMENT_LIMIT)
            rows = []
            for value in a.values:
                rows.append(len(s.ids))
                self._control(s, VAL)
                self._append(s, value_text(value), VALUE_LIMIT)
            s.values.append(rows)
        if len(s.ids) > TOOL_LIMIT:
            raise TooLong(f'tool "{tool.name}" takes {len(s.ids)} tokens; at most {TOOL_LIMIT} fit: shorten it')
        return s

    @staticmethod
    def _control(s: Segment, piece: int) -> None:
        s.ids.append(piece)
        s.cases.append(0)

    def _append(self, s: Segment, text: str, limit: int) -> None:
        ids, cases = self._text(text, limit)
        s.ids += ids
        s.cases += cases


def argument_text(a: Argument) -> str:
    text = ("list of " if a.array else "") + TYPE_WORDS[a.type] + (" required" if a.required else "")
    return text + (", " + a.description if a.description else "")


def value_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value_words(value) if isinstance(value, str) else json.dumps(value)


@dataclass
class Query:
    """A request as the encoder reads it; tokens[0] is <query> with the empty range [0,0)."""

    text: str
    raw: bytes
    tokens: list[Token]


def query(tokenizer: Tokenizer, text: str) -> Query:
    if len(text.encode()) > QUERY_BYTES:
        raise TooLong(f"the request has {len(text.encode())} bytes; at most {QUERY_BYTES} are read")
    tokens = [Token(QUERY, 0, 0, 0)] + tokenizer.encode(text)
    if len(tokens) > QUERY_LIMIT:
        raise TooLong(f"the request takes {len(tokens)} tokens; at most {QUERY_LIMIT} fit")
    return Query(text, text.encode(), tokens)
