"""The tokenizer of Needle 1: SentencePiece BPE, from `vocab.txt` alone.

    tokens = Tokenizer.load("vocab.txt")
    ids = tokens.encode("What's the weather?")
    text = tokens.decode(ids)

`vocab.txt` has one line `piece TAB score` per id. Kinds of piece are not in the file; they follow
from the training flags: ids 0..3 are control (`<pad>`, `</s>`, `<s>`, `<unk>`), 4 and 5 the user
symbols `<tool_call>` and `<tools>`, 6..261 the bytes `<0x00>`..`<0xFF>`, the rest ordinary.
"""

import heapq
from pathlib import Path

SPACE = "\u2581"            # stands for U+0020 inside pieces
PAD, END, START, UNKNOWN, TOOL_CALL, TOOLS = range(6)
FIRST_BYTE, FIRST_NORMAL = 6, 262
UNKNOWN_TEXT = " \u2047 "


class Tokenizer:
    def __init__(self, pieces: list[str], scores: list[float]):
        if len(pieces) < FIRST_NORMAL:
            raise ValueError(f"vocabulary of {len(pieces)} pieces: control, user and byte pieces are missing")
        for byte in range(256):
            if pieces[FIRST_BYTE + byte] != f"<0x{byte:02X}>":
                raise ValueError(f"piece {FIRST_BYTE + byte} is {pieces[FIRST_BYTE + byte]!r}, "
                                 f"not <0x{byte:02X}>")
        self.pieces, self.scores = pieces, scores
        self.symbols = {pieces[i]: i for i in (TOOL_CALL, TOOLS)}
        self.normal = {piece: i for i, piece in enumerate(pieces) if i >= FIRST_NORMAL} | self.symbols

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        # Only LF ends a line: str.splitlines would also cut at U+2028, U+0085 and others.
        lines = Path(path).read_bytes().decode().removesuffix("\n").split("\n")
        pairs = [line.split("\t") for line in lines]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"{path}: a line is not `piece TAB score`")
        return cls([pair[0] for pair in pairs], [float(pair[1]) for pair in pairs])

    def save(self, path: str | Path) -> None:
        lines = [f"{piece}\t{score}\n" for piece, score in zip(self.pieces, self.scores)]
        Path(path).write_bytes("".join(lines).encode())

    # ---- text to ids -------------------------------------------------------------------------

    @staticmethod
    def normalise(text: str) -> str:
        """Only U+0020 collapses; a literal U+2581 counts as a space at the end of the text."""
        words = [word for word in text.split(" ") if word]
        return SPACE + SPACE.join(words).rstrip(SPACE) if SPACE.join(words).strip(SPACE) else ""

    def _symbols(self, text: str) -> tuple[list[str], list[bool]]:
        """Single characters, and user symbols as one frozen part each."""
        parts, frozen, i = [], [], 0
        while i < len(text):
            symbol = next((s for s in self.symbols if text.startswith(s, i)), None)
            parts.append(symbol or text[i])
            frozen.append(symbol is not None)
            i += len(parts[-1])
        return parts, frozen

    def encode(self, text: str) -> list[int]:
        parts, frozen = self._symbols(self.normalise(text))
        before = list(range(-1, len(parts) - 1))
        after = list(range(1, len(parts))) + [-1]
        heap: list[tuple[float, int, int, int]] = []      # (-score, left, right, joint length)

        def offer(left: int, right: int) -> None:
            if left < 0 or right < 0 or frozen[left] or frozen[right]:
                return
            piece = self.normal.get(parts[left] + parts[right])
            if piece is not None:
                length = len(parts[left]) + len(parts[right])
                heapq.heappush(heap, (-self.scores[piece], left, right, length))

        for i in range(len(parts) - 1):
            offer(i, i + 1)
        while heap:
            _, left, right, length = heapq.heappop(heap)
            if not parts[left] or not parts[right] or len(parts[left]) + len(parts[right]) != length:
                continue                                   # one of the two has merged meanwhile
            parts[left] += parts[right]
            parts[right] = ""
            after[left] = after[right]
            if after[right] >= 0:
                before[after[right]] = left
            offer(before[left], left)
            offer(left, after[left])
        ids = []
        for part in filter(None, parts):
            piece = self.normal.get(part)
            ids += [piece] if piece is not None else [FIRST_BYTE + byte for byte in part.encode()]
        return ids

    def encode_inside(self, text: str) -> list[int]:
        """As `encode`, but as if other text went before: no space in front."""
        if not text:
            return []
        mark = self.pieces[TOOLS]                   # a frozen symbol keeps what follows apart
        ids = self.encode(mark + text)
        return ids[ids.index(TOOLS) + 1:]

    # ---- ids to text -------------------------------------------------------------------------

    def decode(self, ids: list[int]) -> str:
        out, run = "", bytearray()
        for i in list(ids) + [PAD]:                       # the last one ends a run of bytes
            if FIRST_BYTE <= i < FIRST_NORMAL:
                run.append(i - FIRST_BYTE)
                continue
            out += decode_bytes(run)
            run.clear()
            if i == UNKNOWN:
                out += UNKNOWN_TEXT
            elif i > UNKNOWN:
                piece = self.pieces[i]
                out += (piece[1:] if not out and piece.startswith(SPACE) else piece).replace(SPACE, " ")
        return out

    def token_texts(self) -> list[str]:
        """What each id adds to the constraint's text: control ids nothing, byte pieces the one
        character of that number (Latin-1, not assembled UTF-8), others their piece."""
        texts = [""] * FIRST_BYTE
        texts[TOOL_CALL], texts[TOOLS] = self.pieces[TOOL_CALL], self.pieces[TOOLS]
        texts += [chr(byte) for byte in range(256)]
        return texts + [piece.replace(SPACE, " ") for piece in self.pieces[FIRST_NORMAL:]]


def decode_bytes(run: bytes) -> str:
    """UTF-8, where every byte that begins no valid character gives one U+FFFD."""
    out, i = "", 0
    while i < len(run):
        for length in range(1, 5):
            try:
                out += bytes(run[i:i + length]).decode()
                i += length
                break
            except UnicodeDecodeError:
                continue
        else:
            out += "\ufffd"
            i += 1
    return out
