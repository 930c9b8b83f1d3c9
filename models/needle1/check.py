"""Checks of the reference itself against other judges; prints what was compared, fails on a difference.

    PYTHONPATH=models python3 -m needle1.check

The tokenizer is compared with the SentencePiece library on vocabularies trained here, the network
with a second forward pass written in float64 with plain loops straight from the specification.
"""

import random
import tempfile
from pathlib import Path

import numpy as np

from thimble import network, safetensors

from . import corpus, golden, prompt, random_model, vocabulary
from .random_model import Shape
from .reference import Reference
from .tokenizer import Tokenizer

FOREIGN = ("naïve café über straße", "東京の天気は", "Привет мир, поставь таймер", ' 1,234.5 ---- {{}} [["a","b"]]') * 50


def check_tokenizer() -> None:
    rng = random.Random(5)
    for size, lines in ((700, ()), (1500, tuple(corpus.lines()[:9000]) + FOREIGN)):
        library = vocabulary.train(size, lines)
        with tempfile.TemporaryDirectory() as folder:
            vocabulary.export(library).save(Path(folder) / "vocab.txt")
            tokens = Tokenizer.load(Path(folder) / "vocab.txt")
        texts = rng.sample(corpus.lines(), 2000) + [golden.strange_text(rng) for _ in range(8000)] + \
            ["", " ", "   ", "\u2581", "\u2581 \u2581", "a \u2581 \u2581 b", "<tools>", " <tools> ", "<tools><tools>", "\t"]
        for text in texts:
            assert tokens.encode(text) == library.encode(text), text
        runs = [golden.strange_ids(rng, size) for _ in range(8000)]
        for ids in runs:
            assert tokens.decode(ids) == library.decode(ids), ids
        print(f"tokenizer, {size} pieces: {len(texts)} texts and {len(runs)} id sequences as SentencePiece has them")


# ---- a second network ----------------------------------------------------------------------------


class Plain:
    """Float64, one query row and one head at a time, the whole decoder input again at each step."""

    def __init__(self, path: Path):
        tensors, metadata = safetensors.read(path)
        self.w = {}
        for name, array in tensors.items():
            if array.dtype == np.uint8:
                codes, scale = network.unpack_codes(array).astype(float), tensors[name + ".scale"].astype(float)
                self.w[name] = np.array([codes[row] * scale[row // 32] for row in range(len(codes))])
            else:
                self.w[name] = array.astype(float)
        self.heads, self.kv = int(metadata["num_heads"]), int(metadata["num_kv_heads"])
        self.head = int(metadata["d_model"]) // self.heads
        self.layers = int(metadata["num_encoder_layers"]), int(metadata["num_decoder_layers"])
        self.activation = metadata["activation"]

    @staticmethod
    def norm(x, gamma):
        return (1 + gamma) * x / np.sqrt(np.mean(x ** 2) + 1e-6)

    def rope(self, x, position):
        half = self.head // 2
        angles = [position / 10000.0 ** (2 * i / self.head) for i in range(half)]
        return np.array([x[i] * np.cos(a) - x[i + half] * np.sin(a) for i, a in enumerate(angles)] +
                        [x[i + half] * np.cos(a) + x[i] * np.sin(a) for i, a in enumerate(angles)])

    def project(self, block, x, name, count, gamma, position):
        rows = (x @ self.w[f"{block}.{name}"]).reshape(count, self.head)
        if gamma:
            rows = np.array([self.norm(row, self.w[f"{block}.{gamma}"]) for row in rows])
        return np.array([self.rope(row, position) for row in rows]) if position is not None else rows

    def attention(self, block, queries, sources, rope, causal):
        out = []
        for i, x in enumerate(queries):
            q = self.project(block, x, "wq", self.heads, "q_norm", i if rope else None)
            seen = sources[:i + 1] if causal else sources
            k = [self.project(block, y, "wk", self.kv, "k_norm", j if rope else None) for j, y in enumerate(seen)]
            v = [self.project(block, y, "wv", self.kv, "", None) for y in seen]
            row = []
            for h in range(self.heads):
                kv = h // (self.heads // self.kv)
                weight = np.exp([q[h] @ key[kv] / np.sqrt(self.head) for key in k])
                row.append(sum(w * value[kv] for w, value in zip(weight / weight.sum(), v)))
            out.append(np.concatenate(row) @ self.w[block + ".wo"])
        return out

    def gate(self, name):
        return 1 / (1 + np.exp(-self.w[name][0]))

    def feed_forward(self, block, x):
        if block + ".ffn_gate" not in self.w:
            return x
        y = self.norm(x, self.w[block + ".ffn_norm"])
        g, u = y @ self.w[block + ".ffn.gate_proj"], y @ self.w[block + ".ffn.up_proj"]
        h = {"drelu": np.maximum(g, 0) * np.maximum(u, 0), "swiglu": g / (1 + np.exp(-g)) * u,
             "geglu": 0.5 * g * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g ** 3))) * u}[self.activation]
        return x + self.gate(block + ".ffn_gate") * (h @ self.w[block + ".ffn.down_proj"][:len(h)])

    def embed(self, ids):
        return [self.w["embedding"][i] * np.sqrt(self.w["embedding"].shape[1]) for i in ids]

    def encode(self, ids):
        x = self.embed(ids)
        for i in range(self.layers[0]):
            y = [self.norm(row, self.w[f"encoder.{i}.norm"]) for row in x]
            added = self.attention(f"encoder.{i}.self_attn", y, y, True, False)
            x = [row + self.gate(f"encoder.{i}.self_attn_gate") * more for row, more in zip(x, added)]
            x = [self.feed_forward(f"encoder.{i}", row) for row in x]
        return [self.norm(row, self.w["encoder_final_norm"]) for row in x]

    def logits(self, memory, ids):
        x = self.embed(ids)
        for i in range(self.layers[1]):
            for part, rope in (("self_attn", True), ("cross_attn", False)):
                y = [self.norm(row, self.w[f"decoder.{i}.{part}_norm"]) for row in x]
                added = self.attention(f"decoder.{i}.{part}", y, y if rope else memory, rope, rope)
                x = [row + self.gate(f"decoder.{i}.{part}_gate") * more for row, more in zip(x, added)]
            x = [self.feed_forward(f"decoder.{i}", row) for row in x]
        return [self.w["embedding"] @ self.norm(row, self.w["decoder_final_norm"]) for row in x]


def check_network() -> None:
    rng, tokens = random.Random(6), vocabulary.export(vocabulary.train(700))
    shapes = [Shape(64, 4, 2, 2, 2), Shape(96, 3, 1, 2, 1, 80, "swiglu"), Shape(96, 4, 4, 1, 2, 128, "geglu"),
              Shape(64, 2, 1, 1, 2, 96, "drelu")]
    for seed, shape in enumerate(shapes):
        with tempfile.TemporaryDirectory() as folder:
            random_model.write(folder, shape, tokens, seed)
            plain, reference = Plain(Path(folder) / "needle.safetensors"), Reference.load(folder)
        ids, output = [rng.randrange(1, 700) for _ in range(9)], [1, 4, 300, 17]
        memory, encoded = plain.encode(ids), reference.model.encode(ids)
        state, worst = reference.model.start(None, encoded), np.abs(encoded.states - np.array(memory)).max()
        for expected, token in zip(plain.logits(memory, output), output):
            reference.model.step_token(state, token)
            worst = max(worst, np.abs(reference.model.logits(state) - expected).max())
        assert worst < 5e-5, (shape, worst)
        print(f"network {shape}: largest difference to float64 {worst:.1e}")


def check_names() -> None:
    table = ("getWeather get_weather HTMLParser html_parser getHTTPResponse get_http_response HTTP2Server http2_server "
             "v2API v2_api getURLs get_ur_ls iOSVersion i_os_version 3DModel 3_d_model userID2Name user_id2_name "
             "Slack::send_message slack_send_message _private__x_ private_x get-weather.v2 get_weather_v2").split()
    for name, snake in list(zip(table[::2], table[1::2])) + [("naïve café", "na_ve_caf"), ("北京天気", "")]:
        assert prompt.snake_case(name) == snake, name
    print(f"names: {len(table) // 2 + 2} rows of the table")


if __name__ == "__main__":
    check_names()
    check_tokenizer()
    check_network()
