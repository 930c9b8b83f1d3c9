"""Random weights in the file layout of needle-rs v0.1, scaled so that greedy decodes keep changing.

    random_model.write("DIR", Shape(d=64, heads=4, kv_heads=2, encoder=2, decoder=2), tokens, seed=1)

writes DIR/needle.safetensors and DIR/vocab.txt. The weights mean nothing; what matters is that every
part of the network shows in the result: attention is sharp (q and k norms well above 1) and, as
queries resemble keys, looks at like tokens; gates and norm scales differ; the sub-layers outweigh the
embedding, or each token would repeat, and cross-attention is weaker, or all tokens would lead to one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thimble import safetensors
from thimble.network import pack_codes

from .tokenizer import END, Tokenizer

GROUP = 32
EMBEDDING = 0.3         # rms of an embedded token
OUTPUT = 5.0            # gain of the matrices that write to the residual stream


@dataclass
class Shape:
    d: int
    heads: int
    kv_heads: int
    encoder: int
    decoder: int
    ffn: int = 0                # width of the feed-forward layers, 0 for none
    activation: str = "drelu"
    retrieval: int = 0          # width of the retrieval head's vectors, 0 for no head

    def metadata(self, vocabulary: int) -> dict[str, object]:
        return {"d_model": self.d, "num_heads": self.heads, "num_kv_heads": self.kv_heads,
                "num_encoder_layers": self.encoder, "num_decoder_layers": self.decoder,
                "vocab_size": vocabulary, "max_enc_len": 1024, "max_dec_len": 512,
                "ffn_dim": self.ffn or 4 * self.d, "no_feedforward": not self.ffn,
                "activation": self.activation, "rope_theta": 10000.0}


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[in, out] float32 -> packed codes uint8 [padded/2, out], scales float32 [padded/32, out]."""
    weight = np.pad(weight, ((0, -len(weight) % GROUP), (0, 0)))
    groups = weight.reshape(-1, GROUP, weight.shape[1])
    scale = np.maximum(np.abs(groups).max(1) / np.float32(7), np.float32(1e-8)).astype(np.float32)
    codes = np.clip(np.rint(groups / scale[:, None]), -8, 7).astype(np.int8)
    return pack_codes(codes.reshape(weight.shape)), scale


def tensors(shape: Shape, vocabulary: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    d, head = shape.d, shape.d // shape.heads
    out: dict[str, np.ndarray] = {}

    def normal(size: object, scale: float, mean: float = 0.0) -> np.ndarray:
        return rng.normal(mean, scale, size).astype(np.float32)

    def matrix(name: str, rows: int, columns: int, like: np.ndarray | None = None) -> np.ndarray:
        gain = OUTPUT if name.endswith((".wo", ".down_proj")) else 1.5
        weight = normal((rows, columns), gain * rows ** -0.5)
        if like is not None:
            weight = (weight + like) / np.float32(np.sqrt(2))
        out[name], out[name + ".scale"] = quantise(weight)
        return weight

    def attention(block: str) -> None:
        keys = matrix(block + ".wk", d, shape.kv_heads * head)
        share = np.repeat(keys.reshape(d, shape.kv_heads, head), shape.heads // shape.kv_heads, 1)
        matrix(block + ".wq", d, d, share.reshape(d, d))
        matrix(block + ".wv", d, shape.kv_heads * head)
        matrix(block + ".wo", d, d)
        for name in ("q_norm", "k_norm"):
            out[f"{block}.{name}"] = normal(head, 0.2, 0.7)

    def feed_forward(block: str) -> None:
        if shape.ffn:
            out[block + ".ffn_gate"], out[block + ".ffn_norm"] = normal(1, 1), normal(d, 0.2)
            matrix(block + ".ffn.gate_proj", d, shape.ffn)
            matrix(block + ".ffn.up_proj", d, shape.ffn)
            matrix(block + ".ffn.down_proj", shape.ffn, d)

    out["embedding"] = normal((vocabulary, d), EMBEDDING * d ** -0.5)
    out["embedding"][END] *= 1.3                # some decodes end before their limit
    for i in range(shape.encoder):
        out[f"encoder.{i}.norm"], out[f"encoder.{i}.self_attn_gate"] = normal(d, 0.2), normal(1, 1)
        attention(f"encoder.{i}.self_attn")
        feed_forward(f"encoder.{i}")
    for i in range(shape.decoder):
        for part in ("self_attn", "cross_attn"):
            out[f"decoder.{i}.{part}_norm"], out[f"decoder.{i}.{part}_gate"] = \
                normal(d, 0.2), normal(1, 1, -1.0 if part == "cross_attn" else 1.0)
            attention(f"decoder.{i}.{part}")
        feed_forward(f"decoder.{i}")
    out["encoder_final_norm"], out["decoder_final_norm"] = normal(d, 0.2), normal(d, 0.2)
    if shape.retrieval:
        out["contrastive_hidden_kernel"] = normal((d, d // 4), d ** -0.5)
        out["contrastive_hidden_bias"] = normal(d // 4, 0.1)
        out["contrastive_proj_kernel"] = normal((d // 4, shape.retrieval), 1)
    return out


def write(folder: str | Path, shape: Shape, tokens: Tokenizer, seed: int) -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    size = len(tokens.pieces)
    safetensors.write(folder / "needle.safetensors", tensors(shape, size, np.random.default_rng(seed)),
                      shape.metadata(size), bf16=("embedding",))
    tokens.save(folder / "vocab.txt")
