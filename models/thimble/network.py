"""The network in numpy: the reference for the trainer and for the engine (FORMAT.md sections 3 to 5).

    model = Model.load("model.safetensors")                    exported file, or a training checkpoint
    tools = model.encode_tools([(ids, classes), ...])          once per tool list; the list may be empty
    query = model.encode_query(tools, ids, classes)
    state = model.start(tools, query)
    model.step(state, None, 0)                                 position None = the start vector
    scores = model.score(state)                                query rows, tool rows, END
    model.step(state, int(scores.argmax()), 1) ...

A needle1 file (spec: Needle 1) uses `encode`, `start`, `step_token` and `logits` instead.
`numeric` is "exact" (float32 throughout) or "fast" (the engine's default: the input rows of every
INT4 product are rounded to INT8); a checkpoint without INT4 matrices knows only "exact".
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import safetensors

GROUP = 32                      # input rows that share one scale
EPSILON = np.float32(1e-6)      # of the norms
KINDS = 6                       # kinds of decision, FORMAT.md section 3
F16_FLOOR = np.float32(2.0 ** -14)


def quantise_matrix(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[in, out] float32 -> codes int8 [in, out] in -7..7 and scales float16 [in/32, out]."""
    rows, columns = weight.shape
    groups = weight.astype(np.float32).reshape(rows // GROUP, GROUP, columns)
    scale = (np.abs(groups).max(1) / np.float32(7)).astype(np.float16)
    scale = np.maximum(scale, F16_FLOOR.astype(np.float16))
    codes = np.clip(np.rint(groups / scale.astype(np.float32)[:, None]), -7, 7)
    return codes.astype(np.int8).reshape(rows, columns), scale


def quantise_embedding(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[V, d] float32 -> codes int8 [V, d] in -7..7 and scales float16 [V, d/32]: groups lie along a token's row."""
    codes, scale = quantise_matrix(table.T)
    return codes.T, scale.T


def to_bf16(x: np.ndarray) -> np.ndarray:
    """float32 rounded (half to even) to the values that bfloat16 has."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def pack_codes(codes: np.ndarray) -> np.ndarray:
    """int8 [in, out] -> uint8 [in/2, out]: row 2p in the low nibble, row 2p+1 in the high one."""
    low, high = codes[0::2].view(np.uint8) & 15, codes[1::2].view(np.uint8) & 15
    return low | high << 4


def unpack_codes(packed: np.ndarray) -> np.ndarray:
    """The inverse of `pack_codes`: two's complement nibbles to int8."""
    codes = np.empty((packed.shape[0] * 2, packed.shape[1]), np.int8)
    codes[0::2] = (packed << 4).view(np.int8) >> 4
    codes[1::2] = packed.view(np.int8) >> 4
    return codes


class Matrix:
    """y = x @ W, W [in, out]: plain float32, or INT4 codes with one scale per group and column."""

    def __init__(self, weight: np.ndarray, codes: np.ndarray | None = None,
                 scale: np.ndarray | None = None):
        self.weight, self.codes, self.scale = weight, codes, scale

    @classmethod
    def from_codes(cls, codes: np.ndarray, scale: np.ndarray) -> "Matrix":
        scale = scale.astype(np.float32)
        return cls(codes.astype(np.float32) * np.repeat(scale, GROUP, 0), codes, scale)

    def apply(self, x: np.ndarray, numeric: str) -> np.ndarray:
        if numeric == "exact" or self.codes is None:
            return x @ self.weight
        step = np.abs(x).max(-1, keepdims=True) / np.float32(127)
        safe = np.where(step > 0, step, np.float32(1))
        rounded = np.clip(np.rint(x / safe), -127, 127).astype(np.float32)
        total = np.zeros(x.shape[:-1] + (self.codes.shape[1],), np.float32)
        for group in range(self.scale.shape[0]):       # float32 holds these integer dots exactly
            rows = slice(group * GROUP, (group + 1) * GROUP)
            dot = rounded[..., rows] @ self.codes[rows].astype(np.float32)
            total = total + dot * self.scale[group]
        return total * step


@dataclass
class Encoded:
    """What attention can see of encoded rows: per layer (keys, values), each [rows, kv heads, head]."""
    layers: list[tuple[np.ndarray, np.ndarray]]     # encoder self-attention
    cross: list[tuple[np.ndarray, np.ndarray]]      # decoder cross-attention
    states: np.ndarray                              # [rows, d], after the final norm
    pointer_keys: np.ndarray | None                 # [rows, d], thimble1 only

    def part(self, rows: list[int]) -> Encoded:
        """Only these rows."""
        return Encoded([(k[rows], v[rows]) for k, v in self.layers], [(k[rows], v[rows]) for k, v in self.cross],
                       self.states[rows], self.pointer_keys[rows])


@dataclass
class DecoderState:
    memory: list[tuple[np.ndarray, np.ndarray]]     # cross keys and values, per decoder layer
    states: np.ndarray                              # [rows, d]: inputs by position
    pointer_keys: np.ndarray | None                 # [rows + 1, d]: END last
    cache: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    position: int = 0
    hidden: np.ndarray | None = None                # [d]: final-normed output of the last step


def norm(x: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """ZCRMSNorm over the last axis: (1 + gamma) * x / sqrt(mean(x^2) + 1e-6)."""
    return (1 + gamma) * x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gelu(x: np.ndarray) -> np.ndarray:
    """The tanh form."""
    return x * np.float32(0.5) * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)))


ACTIVATIONS = {"drelu": lambda gate, up: np.maximum(gate, 0) * np.maximum(up, 0),
               "swiglu": lambda gate, up: gate * sigmoid(gate) * up,
               "geglu": lambda gate, up: gelu(gate) * up}


class Model:
    def __init__(self, tensors: dict[str, np.ndarray], metadata: dict[str, str], numeric: str = "exact"):
        """`tensors` by the names of FORMAT.md section 4, quantised or not."""
        def number(key: str, default: int) -> int:
            return int(metadata.get(key, default))
        self.metadata, self.numeric = metadata, numeric
        self.format = metadata.get("format", "needle1")
        self.d, self.heads = number("d_model", 512), number("num_heads", 8)
        self.kv_heads, self.head = number("num_kv_heads", 4), number("d_model", 512) // number("num_heads", 8)
        self.encoder_layers = number("num_encoder_layers", 12)
        self.decoder_layers = number("num_decoder_layers", 8)
        self.theta = float(metadata.get("rope_theta", 10000.0))
        self.activation = ACTIVATIONS[metadata.get("activation", "drelu")]
        self.vectors: dict[str, np.ndarray] = {}
        self.matrices: dict[str, Matrix] = {}
        for name, array in tensors.items():
            self._add(name, array, tensors)

    @classmethod
    def load(cls, path: str | Path, numeric: str = "exact", quantise: bool = False) -> "Model":
        """`quantise` rounds a training checkpoint's matrices and embedding as the export does."""
        tensors, metadata = safetensors.read(path)
        model = cls(tensors, metadata, numeric)
        if quantise:
            for name, matrix in model.matrices.items():
                if matrix.codes is None:
                    model.matrices[name] = Matrix.from_codes(*quantise_matrix(matrix.weight))
            codes, scale = quantise_embedding(model.vectors["embedding"])
            model.vectors["embedding"] = codes.astype(np.float32) * np.repeat(scale.astype(np.float32), GROUP, 1)
        return model

    def _add(self, name: str, array: np.ndarray, tensors: dict[str, np.ndarray]) -> None:
        if name.endswith(".scale"):
            return
        if name == "embedding" and array.dtype == np.uint8:
            scale = tensors["embedding.scale"].astype(np.float32)
            self.vectors[name] = unpack_codes(array.T).T.astype(np.float32) * np.repeat(scale, GROUP, 1)
        elif array.dtype == np.uint8:
            self.matrices[name] = Matrix.from_codes(unpack_codes(array), tensors[name + ".scale"])
        elif name.rsplit(".", 1)[-1] in ("wq", "wk", "wv", "wo"):
            self.matrices[name] = Matrix(array.astype(np.float32))
        else:
            self.vectors[name] = array.astype(np.float32)

    # ---- building blocks -------------------------------------------------------------------

    def _product(self, name: str, x: np.ndarray) -> np.ndarray:
        return self.matrices[name].apply(x, self.numeric)

    def _rope(self, x: np.ndarray, first: int) -> np.ndarray:
        """Rotates [rows, heads, head] by the positions first, first + 1, ... (angles in float32)."""
        half = self.head // 2
        frequency = (self.theta ** (-np.arange(half) / half)).astype(np.float32)
        angle = np.arange(first, first + len(x)).astype(np.float32)[:, None] * frequency
        cos = np.cos(angle.astype(np.float64)).astype(np.float32)[:, None]
        sin = np.sin(angle.astype(np.float64)).astype(np.float32)[:, None]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def _queries(self, block: str, x: np.ndarray, first: int | None) -> np.ndarray:
        q = self._product(block + ".wq", x).reshape(len(x), self.heads, self.head)
        q = norm(q, self.vectors[block + ".q_norm"])
        return q if first is None else self._rope(q, first)

    def _keys_values(self, block: str, x: np.ndarray, first: int | None) -> tuple[np.ndarray, np.ndarray]:
        """`first` is the RoPE position of row 0, None for cross-attention (no RoPE)."""
        k = self._product(block + ".wk", x).reshape(len(x), self.kv_heads, self.head)
        k = norm(k, self.vectors[block + ".k_norm"])
        v = self._product(block + ".wv", x).reshape(len(x), self.kv_heads, self.head)
        return (k if first is None else self._rope(k, first)), v

    def _attention(self, block: str, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Every query row sees every key; query head h reads KV head h // (heads / kv_heads)."""
        share = self.heads // self.kv_heads
        k, v = np.repeat(k, share, 1), np.repeat(v, share, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.float32(np.sqrt(self.head))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out = np.einsum("hqk,khd->qhd", weights, v).reshape(len(q), self.d)
        return self._product(block + ".wo", out)

    def _feed_forward(self, block: str, x: np.ndarray) -> np.ndarray:
        """The third sub-layer of a needle1 file that has one; the published file has none."""
        if block + ".ffn_norm" not in self.vectors:
            return x
        y = norm(x, self.vectors[block + ".ffn_norm"])
        hidden = self.activation(self._product(block + ".ffn.gate_proj", y),
                                 self._product(block + ".ffn.up_proj", y))
        rows = len(self.matrices[block + ".ffn.down_proj"].weight)      # padded to whole groups
        hidden = np.pad(hidden, ((0, 0), (0, rows - hidden.shape[1])))
        return x + sigmoid(self.vectors[block + ".ffn_gate"]) * self._product(block + ".ffn.down_proj", hidden)

    # ---- encoder ---------------------------------------------------------------------------

    def _embed(self, ids, classes) -> np.ndarray:
        x = self.vectors["embedding"][np.asarray(ids, int)] * np.float32(np.sqrt(self.d))
        if self.format == "thimble1":
            x = x + self.vectors["case"][np.asarray(classes, int)]
        return x

    def _encode(self, ids, classes, seen: list[tuple[np.ndarray, np.ndarray]] | None) -> Encoded:
        """One segment at positions 0..; its rows see each other and, per layer, the rows of `seen`."""
        x, layers = self._embed(ids, classes), []
        for i in range(self.encoder_layers):
            block = f"encoder.{i}.self_attn"
            y = norm(x, self.vectors[f"encoder.{i}.norm"])
            k, v = self._keys_values(block, y, 0)
            layers.append((k, v))
            if seen is not None:
                k, v = np.concatenate([k, seen[i][0]]), np.concatenate([v, seen[i][1]])
            gate = sigmoid(self.vectors[f"encoder.{i}.self_attn_gate"])
            x = x + gate * self._attention(block, self._queries(block, y, 0), k, v)
            x = self._feed_forward(f"encoder.{i}", x)
        states = norm(x, self.vectors["encoder_final_norm"])
        cross = [self._keys_values(f"decoder.{i}.cross_attn", states, None)
                 for i in range(self.decoder_layers)]
        keys = self._product("pointer.wk", states) if self.format == "thimble1" else None
        return Encoded(layers, cross, states, keys)

    def encode(self, ids) -> Encoded:
        """needle1: the whole input is one segment."""
        return self._encode(ids, None, None)

    def encode_tools(self, tools: list[tuple[list[int], list[int]]]) -> Encoded:
        """Every tool (token ids, case classes) by itself; the rows of all, one after another."""
        parts = [self._encode(ids, classes, None) for ids, classes in tools]
        empty = np.zeros((0, self.kv_heads, self.head), np.float32)
        rows = np.zeros((0, self.d), np.float32)

        def join(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
            return (np.concatenate([empty] + [p[0] for p in pairs]),
                    np.concatenate([empty] + [p[1] for p in pairs]))
        return Encoded([join([p.layers[i] for p in parts]) for i in range(self.encoder_layers)],
                       [join([p.cross[i] for p in parts]) for i in range(self.decoder_layers)],
                       np.concatenate([rows] + [p.states for p in parts]),
                       np.concatenate([rows] + [p.pointer_keys for p in parts]))

    def encode_query(self, tools: Encoded, ids, classes) -> Encoded:
        """The query's rows see each other and all tools' rows."""
        return self._encode(ids, classes, tools.layers)

    # ---- decoder ---------------------------------------------------------------------------

    def start(self, tools: Encoded | None, query: Encoded) -> DecoderState:
        """A decoder before its first step. `tools` is None for needle1."""
        empty = np.zeros((0, self.kv_heads, self.head), np.float32)
        cache = [(empty, empty)] * self.decoder_layers
        if tools is None:
            memory = query.cross if self.numeric == "exact" else [(to_bf16(k), to_bf16(v)) for k, v in query.cross]
            return DecoderState(memory, query.states, None, cache)
        memory = [(np.concatenate([qk, tk]), np.concatenate([qv, tv]))
                  for (qk, qv), (tk, tv) in zip(query.cross, tools.cross)]
        keys = np.concatenate([query.pointer_keys, tools.pointer_keys, self.vectors["pointer.end"][None]])
        return DecoderState(memory, np.concatenate([query.states, tools.states]), keys, cache)

    def step(self, state: DecoderState, position: int | None, kind: int) -> None:
        """thimble1: feeds the position chosen before (None at the start) and the kind of what is next."""
        x = self.vectors["pointer.start"] if position is None else state.states[position]
        self._advance(state, x + self.vectors["pointer.kind"][kind])

    def step_token(self, state: DecoderState, token: int) -> None:
        """needle1: feeds one token."""
        self._advance(state, self._embed([token], None)[0])

    def _advance(self, state: DecoderState, x: np.ndarray) -> None:
        x = x[None]
        for i in range(self.decoder_layers):
            block = f"decoder.{i}.self_attn"
            y = norm(x, self.vectors[f"decoder.{i}.self_attn_norm"])
            k, v = self._keys_values(block, y, state.position)
            k, v = np.concatenate([state.cache[i][0], k]), np.concatenate([state.cache[i][1], v])
            state.cache[i] = (k, v)
            gate = sigmoid(self.vectors[f"decoder.{i}.self_attn_gate"])
            x = x + gate * self._attention(block, self._queries(block, y, state.position), k, v)
            block = f"decoder.{i}.cross_attn"
            y = norm(x, self.vectors[f"decoder.{i}.cross_attn_norm"])
            gate = sigmoid(self.vectors[f"decoder.{i}.cross_attn_gate"])
            x = x + gate * self._attention(block, self._queries(block, y, None), *state.memory[i])
            x = self._feed_forward(f"decoder.{i}", x)
        state.hidden = norm(x, self.vectors["decoder_final_norm"])[0]
        state.position += 1

    def score(self, state: DecoderState) -> np.ndarray:
        """thimble1: one score per position, END last. Softmax them over the allowed ones."""
        query = self._product("pointer.wq", state.hidden[None])[0]
        return state.pointer_keys @ query / np.float32(np.sqrt(self.d))

    def match(self, state: DecoderState, rows: Encoded) -> np.ndarray:
        """thimble1: scores of rows that the decoder need not have seen."""
        query = self._product("pointer.wq", state.hidden[None])[0]
        return rows.pointer_keys @ query / np.float32(np.sqrt(self.d))

    def logits(self, state: DecoderState) -> np.ndarray:
        """needle1: one logit per vocabulary id."""
        return self.vectors["embedding"] @ state.hidden


def tensor_shapes(metadata: dict[str, object]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of an unquantised thimble1 checkpoint, in file order."""
    d, heads, kv = (int(metadata[k]) for k in ("d_model", "num_heads", "num_kv_heads"))
    head, shapes = d // heads, {"embedding": (int(metadata["vocab_size"]), d), "case": (3, d)}

    def attention(block: str) -> None:
        shapes.update({block + ".wq": (d, d), block + ".wk": (d, kv * head), block + ".wv": (d, kv * head),
                       block + ".wo": (d, d), block + ".q_norm": (head,), block + ".k_norm": (head,)})
    for i in range(int(metadata["num_encoder_layers"])):
        shapes.update({f"encoder.{i}.norm": (d,), f"encoder.{i}.self_attn_gate": (1,)})
        attention(f"encoder.{i}.self_attn")
    for i in range(int(metadata["num_decoder_layers"])):
        for part in ("self_attn", "cross_attn"):
            shapes.update({f"decoder.{i}.{part}_norm": (d,), f"decoder.{i}.{part}_gate": (1,)})
            attention(f"decoder.{i}.{part}")
    shapes.update({"encoder_final_norm": (d,), "decoder_final_norm": (d,), "pointer.start": (d,),
                   "pointer.end": (d,), "pointer.kind": (KINDS, d), "pointer.wq": (d, d),
                   "pointer.wk": (d, d)})
    return shapes
