"""Test vectors for the engine's tokenizer and network, written to tests/c/data.

    cd models && python3 -m thimble.make_vectors

tokenizer_thimble1.txt  texts with ids and offsets by models/tiny/tokenizer.model
tokenizer_needle1.txt   the same for a small vocabulary trained here with Needle 1's options,
                        which goes to vocab_needle1.txt
network_*.txt and .safetensors   two tiny random models with inputs and outputs of network.py

The files are plain text so that the C tests need no JSON: see `tokenizer_vectors` and
`network_vectors` for what a line holds.
"""

import io
import random
from pathlib import Path

import numpy as np
import sentencepiece

from . import safetensors
from .export import export
from .network import Model, pack_codes, quantise_matrix, tensor_shapes
from .segment import Tokenizer
from .text import model_text

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "c" / "data"

EDGES = [
    "", " ", "    ", "a", " a", "a ", "  a   b  ", "\ta\nb\r\nc", "A", "AB", "Ab", "aB", "HTTP Server", "iPhone 15",
    "\u2581", "a\u2581", "\u2581a", "a \u2581 b", "\u2581\u2581 x", "<tool>", "<arg> <val>", "</s>", "<unk>", "<0x41>",
    "<tool_call>", "<tools>", "play<tools>now", "<tools><tool_call>", "<too", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "3.14159", "1,250.50", "12:30", "2024-05-17", "caf\u00e9", "\u00c9COLE", "na\u00efve", "\u4f60\u597d\u4e16\u754c",
    "\U0001f600\U0001f680 go", "\u00a0nbsp", "a\u3000b", "\u0001\u007f", "zero\u200bwidth", "e\u0301", "\ufffd", "x" * 200,
    "ab" * 150, "the " * 80, '[{"name":"get_weather","parameters":{"location":"string"}}]', "What's the weather?",
    "Please book a flight from New York", "turn it up to 21 degrees in the nursery and play Clair de Lune",
]


def texts(count: int, seed: int) -> list[str]:
    """The edge cases, and random mixtures of words, names, marks and rare characters."""
    pick = random.Random(seed)
    words = ("weather light kitchen Remind me at the to my of play TIMER setAlarm get_time e-mail O'Neil Zürich "
             "naïve 東京 🎵 co-op $5.99 50% #main *.log a.b@c.de https://example.org/x?y=1 (maybe) “quoted” "
             "temperature description required number list choice").split()
    out = list(EDGES)
    while len(out) < count:
        parts = []
        for _ in range(pick.randrange(1, 14)):
            kind = pick.randrange(10)
            if kind < 6:
                parts.append(pick.choice(words))
            elif kind == 6:
                parts.append("".join(pick.choice("abcdefghijklmnopqrstuvwxyzABCDE") for _ in range(pick.randrange(1, 12))))
            elif kind == 7:
                parts.append(str(pick.randrange(100000)))
            elif kind == 8:
                parts.append("".join(chr(pick.randrange(33, 127)) for _ in range(pick.randrange(1, 9))))
            else:
                parts.append(chr(pick.choice([0xdf, 0x416, 0x5d0, 0x3b1, 0x1f44d, 0xad, 0x2026, 0x20ac])))
        out.append(pick.choice(["", " ", "  ", "\t"]) + pick.choice([" ", " ", "  ", ""]).join(parts))
    return out


def tokenizer_vectors(path: Path, rows: list[tuple[str, list[int], list[tuple[int, int]]]]) -> None:
    """One line per text: its bytes in hex (`-` if empty), then id:start:end per token; offsets are
    left out (id alone) where there are none."""
    with open(path, "w") as file:
        for text, ids, spans in rows:
            tokens = [f"{i}:{a}:{b}" for i, (a, b) in zip(ids, spans)] if spans else [str(i) for i in ids]
            file.write(" ".join([text.encode().hex() or "-"] + tokens) + "\n")


def thimble1_tokenizer() -> None:
    tokenizer = Tokenizer(str(ROOT / "models" / "tiny" / "tokenizer.model"))
    rows = []
    for text in texts(250, 1):
        ids = tokenizer.pieces.encode(model_text(text.encode()).decode())
        rows.append((text, ids, [(t.start, t.end) for t in tokenizer.encode(text)]))
    tokenizer_vectors(OUT / "tokenizer_thimble1.txt", rows)


def needle1_tokenizer() -> None:
    model = io.BytesIO()
    corpus = [text for text in texts(3000, 2) if text.strip() and not set(text) & set("\t\r\n")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type="bpe", vocab_size=900,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, user_defined_symbols=["<tool_call>", "<tools>"],
        byte_fallback=True, normalization_rule_name="identity", character_coverage=0.995,
        minloglevel=2)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    with open(OUT / "vocab_needle1.txt", "w", newline="\n") as file:
        for i in range(pieces.get_piece_size()):
            file.write(f"{pieces.id_to_piece(i)}\t{pieces.get_score(i)}\n")
    tokenizer_vectors(OUT / "tokenizer_needle1.txt", [(t, pieces.encode(t), []) for t in texts(250, 3)])
    with open(OUT / "decode_needle1.txt", "w") as file:     # ids, then the text they give, in hex
        pick = random.Random(4)
        for row in range(150):
            ids = [pick.choice([pick.randrange(900), pick.randrange(262, 900), pick.randrange(6, 262), *range(6)])
                   for _ in range(pick.randrange(1, 12))]
            if row % 3 == 0:
                ids = pieces.encode(pick.choice(corpus)) or ids
            file.write(" ".join(map(str, ids)) + " = " + (pieces.decode(ids).encode().hex() or "-") + "\n")


def random_tensors(metadata: dict[str, object], seed: int) -> dict[str, np.ndarray]:
    """A checkpoint of random numbers at the size of trained ones."""
    draw, tensors = np.random.default_rng(seed), {}
    for name, shape in tensor_shapes(metadata).items():
        spread = 0.4 if len(shape) == 1 else 0.06 if name == "embedding" else shape[0] ** -0.5
        tensors[name] = (draw.standard_normal(shape) * spread).astype(np.float32)
    return tensors


def numbers(values) -> str:
    return " ".join(f"{float(v):.9g}" for v in np.ravel(values))


def thimble1_network(name: str, metadata: dict[str, object], sizes: list[int], seed: int) -> None:
    """Lines: `tool` or `query` id:class ...; `step` position (-1 = start) kind; `exact` or `fast`
    scores of all positions after that step."""
    path = OUT / f"network_{name}.safetensors"
    metadata = {"format": "thimble1", "name": name, "rope_theta": 10000.0, "trained_examples": 0} | metadata
    safetensors.write(path, export(random_tensors(metadata, seed), metadata), metadata)
    draw = np.random.default_rng(seed + 1)

    def segment(first: int, rows: int):
        ids = [first] + [int(i) for i in draw.integers(9, int(metadata["vocab_size"]), rows - 1)]
        return ids, [0] + [int(c) for c in draw.integers(0, 3, rows - 1)]
    tools, query = [segment(4, rows) for rows in sizes[1:]], segment(8, sizes[0])
    steps = [(-1 if i == 0 else int(draw.integers(0, sum(sizes))), int(draw.integers(0, 6))) for i in range(9)]
    with open(OUT / f"network_{name}.txt", "w") as file:
        for word, (ids, classes) in [("tool", t) for t in tools] + [("query", query)]:
            file.write(" ".join([word] + [f"{i}:{c}" for i, c in zip(ids, classes)]) + "\n")
        runs = {}
        for numeric in ("exact", "fast"):
            model = Model.load(path, numeric)
            encoded = model.encode_tools(tools)
            state, runs[numeric] = model.start(encoded, model.encode_query(encoded, *query)), []
            for position, kind in steps:
                model.step(state, None if position < 0 else position, kind)
                runs[numeric].append(model.score(state))
        for i, (position, kind) in enumerate(steps):
            file.write(f"step {position} {kind}\n")
            for numeric, scores in runs.items():
                file.write(f"{numeric} {numbers(scores[i])}\n")


def needle1_network(metadata: dict[str, object], rows: int, seed: int) -> None:
    """Lines: `input` id ...; `encoder` all states; `step` id; `exact` or `fast` logits."""
    path = OUT / "network_needle1.safetensors"
    source = random_tensors(metadata, seed)
    tensors = {}
    for name, array in source.items():
        if name == "case" or name.startswith("pointer."):
            continue
        if name.rsplit(".", 1)[-1] in ("wq", "wk", "wv", "wo"):
            codes, scale = quantise_matrix(array)
            tensors[name], tensors[name + ".scale"] = pack_codes(codes), scale.astype(np.float32)
        else:
            tensors[name] = array
    safetensors.write(path, tensors, metadata, bf16=("embedding",))
    draw = np.random.default_rng(seed + 1)
    ids = [int(i) for i in draw.integers(1, int(metadata["vocab_size"]), rows)]
    steps = [1, 4] + [int(i) for i in draw.integers(1, int(metadata["vocab_size"]), 6)]
    with open(OUT / "network_needle1.txt", "w") as file:
        file.write("input " + " ".join(map(str, ids)) + "\n")
        runs = {}
        for numeric in ("exact", "fast"):
            model = Model.load(path, numeric)
            encoded = model.encode(ids)
            if numeric == "exact":
                file.write(f"encoder {numbers(encoded.states)}\n")
            state, runs[numeric] = model.start(None, encoded), []
            for token in steps:
                model.step_token(state, token)
                runs[numeric].append(model.logits(state))
        for i, token in enumerate(steps):
            file.write(f"step {token}\n")
            for numeric, logits in runs.items():
                file.write(f"{numeric} {numbers(logits[i])}\n")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    thimble1_tokenizer()
    needle1_tokenizer()
    thimble1_network("thimble1", {"d_model": 64, "num_heads": 4, "num_kv_heads": 2, "num_encoder_layers": 3,
                                  "num_decoder_layers": 2, "vocab_size": 320}, [11, 17, 1, 30, 5], 10)
    thimble1_network("narrow", {"d_model": 96, "num_heads": 4, "num_kv_heads": 1, "num_encoder_layers": 1,
                                "num_decoder_layers": 1, "vocab_size": 300}, [3], 20)
    needle1_network({"d_model": 64, "num_heads": 2, "num_kv_heads": 1, "num_encoder_layers": 2,
                     "num_decoder_layers": 2, "vocab_size": 300, "max_enc_len": 80, "max_dec_len": 32,
                     "no_feedforward": "True", "rope_theta": 10000.0}, 70, 30)


if __name__ == "__main__":
    main()
