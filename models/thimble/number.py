"""Numbers in requests: which bytes of a text read as a number, and which number.

A number is (mantissa, scale): mantissa / 10**scale, scale >= 0 and as small as possible, |mantissa| < 10**15. That keeps
the canonical spelling exact and independent of floating point.
"""
from __future__ import annotations

import re

from .text import is_word_char

MAX_MANTISSA = 10**15
MAX_SCALE = 9

ONES = {w: i for i, w in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen".split())}
TENS = {w: 10 * (i + 2) for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
SCALES = (("billion", 10**9), ("million", 10**6), ("thousand", 10**3))
ORDINALS = {"first": "one", "second": "two", "third": "three", "fifth": "five", "eighth": "eight", "ninth": "nine",
            "twelfth": "twelve"}
ORDINALS |= {w + "th": w for w in ("four", "six", "seven", "ten", "eleven", "thirteen", "fourteen", "fifteen", "sixteen",
                                   "seventeen", "eighteen", "nineteen")}
ORDINALS |= {w[:-1] + "ieth": w for w in TENS}
FIXED = {"once": (1, 0), "twice": (2, 0), "thrice": (3, 0), "single": (1, 0), "double": (2, 0), "triple": (3, 0),
         "half": (5, 1), "a half": (5, 1), "quarter": (25, 2), "a quarter": (25, 2), "three quarters": (75, 2),
         "dozen": (12, 0), "a dozen": (12, 0), "half a dozen": (6, 0), "a half dozen": (6, 0), "couple": (2, 0),
         "a couple": (2, 0), "pair": (2, 0), "a pair": (2, 0)}
MULTIPLIERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}

_NUMERAL = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})?(?:\.([0-9]{1,9}))?")
_NUMBER_WORDS = frozenset(ONES) | frozenset(TENS) | frozenset(ORDINALS) | frozenset(MULTIPLIERS) | frozenset(
    w for phrase in FIXED for w in phrase.split()) | {"and", "point", "minus", "negative"}


def _make(mantissa: int, scale: int) -> tuple[int, int] | None:
    while scale > 0 and mantissa % 10 == 0:
        mantissa, scale = mantissa // 10, scale - 1
    if abs(mantissa) >= MAX_MANTISSA or scale > MAX_SCALE:
        return None
    return mantissa, scale


def _below_thousand(ws: list[str], at: int) -> tuple[int, int]:
    """Parses ws[at:] as far as it reads as 1..999 ('a' only before 'hundred'); returns (value, next), value 0: nothing."""
    def small(i: int) -> tuple[int, int]:
        if i < len(ws) and ws[i] in TENS:
            value, i = TENS[ws[i]], i + 1
            if i < len(ws) and 1 <= ONES.get(ws[i], 0) <= 9:
                return value + ONES[ws[i]], i + 1
            return value, i
        if i < len(ws) and ONES.get(ws[i], 0) > 0:
            return ONES[ws[i]], i + 1
        return 0, i
    if at + 1 < len(ws) and ws[at] == "a" and ws[at + 1] == "hundred":
        value, i = 1, at + 1
    else:
        value, i = small(at)
    if value and value < 100 and i < len(ws) and ws[i] == "hundred":
        value, i = value * 100, i + 1
        skip = i + 1 if i < len(ws) and ws[i] == "and" else i
        rest, after = small(skip)
        if rest:
            return value + rest, after
    return value, i


def _cardinal(ws: list[str]) -> int | None:
    """The value of cardinal number words, all of them used, or None."""
    if ws == ["zero"]:
        return 0
    total, at = 0, 0
    for word, factor in SCALES:
        if at + 1 < len(ws) and ws[at] == "a" and ws[at + 1] == word:
            value, i = 1, at + 1
        else:
            value, i = _below_thousand(ws, at)
        if value and i < len(ws) and ws[i] == word:
            total, at = total + value * factor, i + 1
            if at == len(ws):
                return total
            if ws[at] == "and":
                at += 1
    value, i = _below_thousand(ws, at)
    return total + value if value and i == len(ws) else None


def _words_value(ws: list[str]) -> tuple[int, int] | None:
    fixed = FIXED.get(" ".join(ws))
    if fixed:
        return fixed
    for tail, extra in ((["and", "a", "half"], 50), (["and", "a", "quarter"], 25)):
        if len(ws) > 3 and ws[-3:] == tail:
            whole = _cardinal(ws[:-3])
            return None if whole is None else _make(whole * 100 + extra, 2)
    if "point" in ws:
        at = ws.index("point")
        digits = ws[at + 1:]
        whole = _cardinal(ws[:at])
        if whole is None or not 1 <= len(digits) <= MAX_SCALE or any(ONES.get(w, 10) > 9 for w in digits):
            return None
        return _make(int(str(whole) + "".join(str(ONES[w]) for w in digits)), len(digits))
    if ws[-1] == "dozen":
        value = _cardinal(ws[:-1])
        return None if value is None else _make(value * 12, 0)
    if ws[-1] in ORDINALS:
        ws = ws[:-1] + [ORDINALS[ws[-1]]]
    value = _cardinal(ws)
    return None if value is None else _make(value, 0)


def parse(text: str) -> tuple[int, int] | None:
    """The number that `text` (ASCII-lower-cased, whole) spells, or None.

    Digits with thousands commas and decimals; '-', '+', 'minus', 'negative'; 1st, 2nd, 3rd, 4th; 5k; '2 million', '3 dozen';
    number words to the billions, ordinals, 'half', 'a dozen', 'two and a half', 'one point five', 'twice'.
    """
    sign = 1
    if text[:1] in ("-", "+"):
        sign, text = (-1 if text[0] == "-" else 1), text[1:]
        if not (is_digit(text[:1]) or text[:1] == "."):
            return None
    elif text.startswith("minus ") or text.startswith("negative "):
        sign, text = -1, text.split(" ", 1)[1]
    if not text or not text.isascii():
        return None
    if is_digit(text[0]) or text[0] == ".":
        m = _NUMERAL.match(text)
        if m.end() == 0:
            return None
        whole, fraction, rest = (m.group(1) or "").replace(",", ""), m.group(2) or "", text[m.end():]
        value = _make(sign * int((whole + fraction) or "0"), len(fraction))
        if rest == "":
            factor = 1
        elif rest in ("st", "nd", "rd", "th"):
            if fraction or not whole:
                return None
            factor = 1
        elif rest == "k":
            factor = 1000
        elif rest[0] == " " and rest[1:] in MULTIPLIERS:
            factor = MULTIPLIERS[rest[1:]]
        else:
            return None
        return None if value is None else _make(value[0] * factor, value[1])
    ws = text.replace("-", " ").split(" ")
    if any(w not in _NUMBER_WORDS and w != "a" for w in ws):
        return None
    value = _words_value(ws)
    return None if value is None else _make(sign * value[0], value[1])


def is_digit(char: str) -> bool:
    """ASCII only; False for ''."""
    return "0" <= char <= "9"


def _thousands(text: str, comma: int) -> bool:
    """Whether the comma at `comma` groups thousands: exactly three digits follow."""
    digits = text[comma + 1:comma + 4]
    return len(digits) == 3 and all(map(is_digit, digits)) and not is_digit(text[comma + 4:comma + 5])


def boundary_before(text: str, at: int) -> bool:
    """Whether a number may begin at text[at]: it does not cut a word, a longer numeral or a sign off."""
    if at == 0:
        return True
    before, first = text[at - 1], text[at]
    before2 = text[at - 2] if at >= 2 else " "
    if is_word_char(before):
        return False
    if first in "-+":
        return True
    if before in "-+" and before2 == " ":
        return False
    if before == "." and is_digit(first):
        return False
    return not (before == "," and is_digit(before2) and _thousands(text, at - 1))


def boundary_after(text: str, end: int) -> bool:
    """Whether a number may end before text[end]. Digits may touch a unit ("30min") but not leave out 'k' or decimals."""
    if end == len(text):
        return True
    last, after, after2 = text[end - 1], text[end], text[end + 1:end + 2]
    if not is_digit(last):
        return not is_word_char(after)
    if is_digit(after) or after == "." and is_digit(after2):
        return False
    if after == "k" and not (after2 and is_word_char(after2)):
        return False
    return not (after == "," and _thousands(text, end))


def to_float(value: tuple[int, int]) -> float:
    return value[0] / 10 ** value[1]


def spell(value: tuple[int, int]) -> str:
    """Canonical JSON spelling."""
    mantissa, scale = value
    if scale == 0:
        return str(mantissa)
    digits = str(abs(mantissa)).rjust(scale + 1, "0")
    return ("-" if mantissa < 0 else "") + digits[:-scale] + "." + digits[-scale:]
