"""Names, character classes and case: what FORMAT.md 1 says of text."""
from __future__ import annotations

import re

PUNCTUATION = "".join(chr(c) for c in range(33, 127) if not chr(c).isalnum())

_SEPARATORS = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
_LOWER_UPPER = re.compile(r"([a-z0-9])([A-Z])")
_UPPER_WORD = re.compile(r"([A-Z])([A-Z][a-z])")
_LOWER_TABLE = {c: c + 32 for c in range(65, 91)}
_SPACES = bytes.maketrans(b"\t\n\r", b"   ")


def ascii_lower(text: str) -> str:
    """Lower-cases A-Z only, so that byte offsets stay what they are."""
    return text.translate(_LOWER_TABLE)


def words(name: str) -> str:
    """A name in any style as lower-case words: 'getWeather', 'weather.get' -> 'get weather', 'weather get'."""
    text = _SEPARATORS.sub(" ", name)
    text = _LOWER_UPPER.sub(r"\1 \2", text)
    text = _UPPER_WORD.sub(r"\1 \2", text)
    text = ascii_lower(text).strip(" ")
    return text or name


def value_words(value: str) -> str:
    """The text of an enum value: as words if it is made of name characters only, else as it stands."""
    plain = all(c.isalnum() or c in "_. -" for c in value if ord(c) < 128)
    return words(value) if plain else value


def case_class(text: bytes) -> int:
    """0: no ASCII capital. 2: two or more ASCII letters, all capitals. 1: anything else."""
    upper = sum(65 <= c <= 90 for c in text)
    if upper == 0:
        return 0
    lower = sum(97 <= c <= 122 for c in text)
    return 2 if upper >= 2 and lower == 0 else 1


def model_text(text: bytes) -> bytes:
    """What the tokenizer sees of a caller's text: same length, ASCII lower case, TAB/LF/CR as spaces,
    U+2581 (which the tokenizer uses for a space) as three underscores."""
    return text.lower().translate(_SPACES).replace(b"\xe2\x96\x81", b"___")


# ---- character classes for spans (offsets are bytes) -------------------------------------------

# Marks that may open or close a value when they touch it ("#main", "-2", "100%", "C++").
START_MARKS = frozenset("#@$*/~.-+<([{_&%\\=^")
END_MARKS = frozenset("%*+/#_=&$~-!?")
CLOSERS = {")": "(", "]": "[", "}": "{", ">": "<"}


def is_currency(char: str) -> bool:
    return char in "\u00a3\u00a5\u00a2" or "\u20a0" <= char <= "\u20cf"


def is_word_char(char: str) -> bool:
    """Letters, digits and everything beyond ASCII that is no known punctuation or symbol."""
    code = ord(char)
    if code < 0x80:
        return char.isalnum()
    if code < 0xC0:
        return char in "\u00aa\u00b2\u00b3\u00b5\u00b9\u00ba"
    if code in (0xD7, 0xF7):
        return False
    return not (0x2000 <= code <= 0x2BFF or 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFF0F)


def may_start(char: str, following: str) -> bool:
    """Whether a value may begin with `char`; `following` is the next character or ''."""
    if is_word_char(char):
        return True
    touches = following != "" and not following.isspace()
    return touches and (char in START_MARKS or is_currency(char))


def may_end(char: str, span: str) -> bool:
    """Whether a value may end with `char`; `span` is the whole value (closers need their opener)."""
    if is_word_char(char) or char in END_MARKS or char == "\u00b0" or is_currency(char):
        return True
    return char in CLOSERS and CLOSERS[char] in span[:-1]
