"""Patterns of JSON Schema: the part of ECMA-262 regular expressions that a linear-time matcher can do, made exact.

Taken: literals, '.', classes, \\d \\w \\s \\b and their negations, ^ and $ (text only, never lines), groups, alternation,
* + ? {m} {m,} {m,n} and their lazy forms. Everything is about code points; \\d, \\w and \\b are ASCII, \\s is ECMA's.
Refused: back-references, look-around, \\p, flags, and what is over the limits below. src/pattern.c is the engine's matcher;
here the pattern is rewritten for Python's `re`, which means other things by some of the signs.
"""
from __future__ import annotations

import re
from functools import lru_cache

MAX_BYTES, MAX_PROGRAM, MAX_NESTING, MAX_REPEAT = 1024, 1000, 32, 1000

SPACES = [(9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
          (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)]
SETS = {"d": [(48, 57)], "w": [(48, 57), (65, 90), (95, 95), (97, 122)], "s": SPACES}
CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


class PatternError(ValueError):
    """The text completes the sentence '"pattern" ...'."""


def _complement(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out, at = [], 0
    for lo, hi in ranges:
        if lo > at:
            out.append((at, lo - 1))
        at = hi + 1
    return out + [(at, 0x10FFFF)]


def _set(letter: str) -> list[tuple[int, int]]:
    return SETS[letter] if letter in SETS else _complement(SETS[letter.lower()])


def _class(ranges: list[tuple[int, int]], negated: bool = False) -> str:
    if not ranges:
        return r"(?s:.)" if negated else r"(?!)"
    return "[" + ("^" if negated else "") + "".join(f"\\U{lo:08x}-\\U{hi:08x}" for lo, hi in ranges) + "]"


class _Translator:
    def __init__(self, pattern: str):
        self.text, self.at, self.size, self.depth = pattern, 0, 1, 0

    def peek(self, count: int = 1) -> str:
        return self.text[self.at:self.at + count]

    def grow(self, count: int) -> None:
        """`size` is the length of the program that pattern.c makes."""
        self.size += count
        if self.size > MAX_PROGRAM:
            raise PatternError("is too large")

    def whole(self) -> str:
        out = self.alternatives()
        if self.at < len(self.text):
            raise PatternError('has an unmatched ")"')
        return out

    def alternatives(self) -> str:
        out = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            self.grow(2)
            out.append(self.sequence())
        return "|".join(out)

    def sequence(self) -> str:
        out = []
        while self.peek() not in ("", "|", ")"):
            before = self.size
            piece, repeatable = self.atom()
            out.append(self.repeated(piece, repeatable, self.size - before))
        return "".join(out)

    def repeated(self, piece: str, repeatable: bool, cost: int) -> str:
        least, most = self.quantifier()
        if least is None:
            return piece
        if not repeatable:
            raise PatternError("repeats nothing")
        if self.peek() == "?":
            self.at += 1
        if most is not None and most < least:
            raise PatternError("has a repeat out of order")
        if least > MAX_REPEAT or (most or 0) > MAX_REPEAT:
            raise PatternError("is too large")
        if most is None:
            self.grow(2 if least == 0 else (least - 1) * cost + 1)
        else:
            self.grow((least - 1) * cost + (most - least) * (cost + 1))
        if self.quantifier()[0] is not None:
            raise PatternError("repeats nothing")
        return f"(?:{piece}){{{least},{'' if most is None else most}}}"

    def quantifier(self) -> tuple[int | None, int | None]:
        """(least, most); (None, None) when none stands here. A '{' that opens no quantifier is a literal."""
        c = self.peek()
        if c != "" and c in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[c]
        m = re.compile(r"\{([0-9]+)(,?)([0-9]*)\}").match(self.text, self.at)
        if not m or (m.group(3) and not m.group(2)):
            return None, None
        self.at = m.end()
        least = min(int(m.group(1)), MAX_REPEAT + 1)
        return least, least if not m.group(2) else min(int(m.group(3)), MAX_REPEAT + 1) if m.group(3) else None

    def atom(self) -> tuple[str, bool]:
        c = self.peek()
        if self.quantifier()[0] is not None:
            raise PatternError("repeats nothing")
        self.at += 1
        if c == "(":
            return self.group(), True
        out = self.simple(c)
        self.grow(1)
        return out

    def simple(self, c: str) -> tuple[str, bool]:
        """An atom of one instruction that begins with `c`, which is already read."""
        if c == "^":
            return r"\A", False
        if c == "$":
            return r"\Z", False
        if c == ".":
            return r"[^\n\r\u2028\u2029]", True
        if c == "[":
            return self.char_class(), True
        if c != "\\":
            return re.escape(c), True
        letter = self.peek()
        if letter == "b" or letter == "B":
            self.at += 1
            return (r"\b" if letter == "b" else r"(?!\b)"), False
        if letter != "" and letter in "dDwWsS":
            self.at += 1
            return _class(_set(letter)), True
        return re.escape(chr(self.escape())), True

    def group(self) -> str:
        if self.peek() == "?":
            named = re.compile(r"\?<[A-Za-z_$][A-Za-z0-9_$]*>").match(self.text, self.at)
            if self.peek(2) == "?:":
                self.at += 2
            elif named:
                self.at = named.end()
            else:
                raise PatternError("uses look-around or another group form that is not supported")
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise PatternError("nests too deep")
        out = self.alternatives()
        if self.peek() != ")":
            raise PatternError("has an unclosed group")
        self.at += 1
        self.depth -= 1
        return f"(?:{out})"

    def escape(self, in_class: bool = False) -> int:
        """The code point of an escape, the backslash already read."""
        c = self.peek()
        self.at += 1
        if c == "":
            raise PatternError("ends in a backslash")
        if c in CONTROLS:
            return CONTROLS[c]
        if c == "b" and in_class:
            return 8
        if c == "0" and not ("0" <= self.peek() <= "9"):
            return 0
        if "0" <= c <= "9" or c == "k":
            raise PatternError("uses a back-reference, which is not supported")
        if c == "x":
            return self.hex(2)
        if c == "u":
            return self.unicode()
        if c == "c" and self.peek().isascii() and self.peek().isalpha():
            self.at += 1
            return ord(self.text[self.at - 1]) % 32
        if c.isascii() and c.isalnum():
            raise PatternError(f"has an unknown escape \\{c}")
        return ord(c)

    def hex(self, digits: int) -> int:
        m = re.compile("[0-9A-Fa-f]{%d}" % digits).match(self.text, self.at)
        if not m:
            raise PatternError("has an escape without its hexadecimal digits")
        self.at = m.end()
        return int(m.group(), 16)

    def unicode(self) -> int:
        m = re.compile(r"\{0*([0-9A-Fa-f]{1,6})\}").match(self.text, self.at)
        if m:
            self.at, code = m.end(), int(m.group(1), 16)
        else:
            code = self.hex(4)
            if 0xD800 <= code < 0xDC00 and self.peek(2) == "\\u":
                self.at += 2
                low = self.hex(4)
                code = 0x10000 + (code - 0xD800) * 1024 + low - 0xDC00 if 0xDC00 <= low < 0xE000 else 0xD800
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise PatternError("has an escape that is no character")
        return code

    def char_class(self) -> str:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while self.peek() != "]":
            if self.peek() == "":
                raise PatternError("has an unclosed class")
            first = self.class_atom()
            # "-" makes a range only between two characters; beside \w, or last, it stands for itself.
            if isinstance(first, int) and self.peek() == "-" and self.peek(2) not in ("-]", "-"):
                mark = self.at
                self.at += 1
                last = self.class_atom()
                if isinstance(last, int):
                    if last < first:
                        raise PatternError("has a class range out of order")
                    ranges.append((first, last))
                    continue
                self.at = mark
            ranges += [(first, first)] if isinstance(first, int) else first
        self.at += 1
        return _class(ranges, negated)

    def class_atom(self) -> int | list[tuple[int, int]]:
        c = self.peek()
        self.at += 1
        if c != "\\":
            return ord(c)
        letter = self.peek()
        if letter != "" and letter in "dDwWsS":
            self.at += 1
            return _set(letter)
        return self.escape(in_class=True)


@lru_cache(maxsize=4096)
def translate(pattern: str) -> re.Pattern[str]:
    """The compiled Python form: use `.search(text)`. Raises PatternError."""
    if len(pattern.encode()) > MAX_BYTES:
        raise PatternError(f"is longer than {MAX_BYTES} bytes")
    return re.compile(_Translator(pattern).whole(), re.ASCII)
