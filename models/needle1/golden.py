"""Makes the golden files that the engine's exact mode is tested against.

    PYTHONPATH=models python3 -m needle1.golden small tests/golden/needle1     committed, under 1.5 MB
    PYTHONPATH=models python3 -m needle1.golden all build/golden               all shapes, minutes

DIR/text.json holds what needs no model: names, tools, answers, numbers. DIR/requests.json holds the
requests [[query, tools], ...]. Each DIR/SHAPE/ holds needle.safetensors, vocab.txt and golden.json:

    tokens   [[text, ids]]                    encoded
    decoded  [[ids, text]]
    walks    [{tools, ids, masks}]            constraint alone: before each id [allowed ids, check] or null
    inputs   [[request, count, check]]        encoder ids of a request
    forward  [{encoder, decoder, states, logits}]   states of the encoder, logits per decoder id
    decodes  [{request, constrained, limit, ids, forced, gaps, ended, raw, text}]
    near     [[decode, choice, gap]]          choices decided by less than NEAR
    embed    [[text, vector]]                 with the retrieval head
    retrieve [[query, tools, scores]]

`check` of a list is the sum of (i+1)*id over its items modulo 2^32. `forced` lists the places of ids that were fed, not
chosen; an `ended` decode chose the end token after its last id.
"""

import json
import random
import struct
import sys
from pathlib import Path

from . import prompt, random_model, requests, vocabulary
from .constraint import FREE, IN_NAME, Constraint
from .random_model import Shape
from .reference import Reference
from .tokenizer import FIRST_BYTE, FIRST_NORMAL, Tokenizer

NEAR = 1e-4
LIMITS = {True: (16, 24, 48), False: (24, 32, 64)}      # new tokens of a decode, in turn; True: brief

# name: (shape, vocabulary, requests)
SMALL = {
    "plain": (Shape(64, 4, 2, 2, 2), 700, 200),
    "odd": (Shape(96, 3, 1, 2, 1, 80, "swiglu", 40), 700, 60),
}
LARGE = {
    "least": (Shape(32, 4, 2, 1, 1), 600, 200),
    "plain": (Shape(64, 4, 2, 2, 2), 700, 200),
    "odd": (Shape(96, 3, 1, 2, 1, 80, "swiglu", 40), 700, 200),
    "head24": (Shape(96, 4, 4, 1, 3), 1000, 200),
    "drelu": (Shape(64, 2, 1, 2, 2, 128, "drelu"), 1000, 200),
    "geglu": (Shape(128, 8, 2, 2, 3, 256, "geglu", 128), 2000, 200),
    "five": (Shape(160, 5, 5, 3, 2, 0, "drelu", 128), 2000, 200),
    "middle": (Shape(256, 8, 4, 6, 4, 0, "drelu", 128), 8192, 120),
    "published": (Shape(512, 8, 4, 12, 8), 8192, 60),
}


def check(ids: list[int]) -> int:
    return sum((i + 1) * token for i, token in enumerate(ids)) % 2 ** 32


def short(values) -> list[float]:
    return [float(f"{float(value):.7g}") for value in values]


def dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


# ---- without a model ---------------------------------------------------------------------------


def random_double(rng: random.Random) -> float:
    value = float("nan")
    while value != value or value in (float("inf"), float("-inf")):
        value = struct.unpack("<d", rng.randbytes(8))[0] if rng.random() < 0.5 else \
            round(rng.uniform(-1e6, 1e6), rng.randrange(9)) * 10.0 ** rng.randrange(-12, 20)
    return value


def normalised(text: str) -> dict:
    try:
        tools, names = prompt.normalise_tools(text)
    except prompt.ToolsError:
        return {"text": text, "error": True}
    return {"text": text, "tools": tools, "names": list(names.items())}


def texts() -> dict:
    rng = random.Random(2)
    letters = "aZbY19_-. éß京:"
    names = ["getWeather", "HTMLParser", "getHTTPResponse", "HTTP2Server", "v2API", "getURLs", "iOSVersion", "3DModel",
             "userID2Name", "Slack::send_message", "_private__x_", "naïve café", "北京天気", "get-weather.v2", "", "__"]
    names += ["".join(rng.choice(letters) for _ in range(rng.randint(1, 14))) for _ in range(300)]
    mapping = {"get_x": "getX", "get_x_y": "get.x.y", "": "京", "send": "Send é"}
    answers = ['<tool_call> [{"name":"get_x","arguments":{"a":1.0,"a":"é","b":[1e5,-0,{}]}}]', "<tool_call> []", " []",
               '<tool_call> {"name":"send","x":{"name":"get_x"}}', '<tool_call> [{"name":"get_x_y","arguments":{"q":"get_x',
               '[{"name":["get_x"]},{"name":3},"get_x",{"nam":"get_x"}]', "3", "", "<tool_call>", "nul", "null",
               '[{"name":"get_x_y"}] ', "[NaN,Infinity,-Infinity]", '<tool_call><tool_call> ["send"]',
               '["\\ud83d\\ude00 \\ud83d x"]', '[{"name":"get_x","arguments":{"k":"a\tb"}}]']
    doubles = [random_double(rng) for _ in range(400)]
    doubles += [1.0, 0.1, 1e16, 1e15, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 2.2250738585072014e-308,
                1.7976931348623157e308, 9007199254740993.0, 2.0 ** 63, 0.3, 2 / 3, 1e23, 8.41e21, 9.5e-7, 0.0, -0.0]
    tools = [text for _, text in requests.ODD] + ["3", "true", "null", '[{"name":3}]', "1e5", '[{"name":null}]']
    return {"snake": [[name, prompt.snake_case(name)] for name in names],
            "tools": [normalised(text) for text in tools],
            "restore": [{"raw": raw, "names": list(mapping.items()), "text": prompt.restore(raw, mapping)} for raw in answers],
            "bare": [[raw, prompt.restore(raw, {})] for raw in answers],
            "numbers": [[f"{value:.25e}", repr(value)] for value in doubles]}


# ---- with a vocabulary ---------------------------------------------------------------------------


def strange_text(rng: random.Random) -> str:
    parts = list("abcABC 019_-.,:;{}[]\"'\\/<>   \t\n\u2581\u00a0\u3000é東😀\u0301\ufffd\x7f") + \
        ["<tools>", "<tool_call>", "</s>", "<unk>", "<0x41>", "<tool", "s>", " \u2581 ", '":"', "get", "weather", "name"]
    return "".join(rng.choice(parts) for _ in range(rng.randint(1, 30)))


def strange_ids(rng: random.Random, size: int) -> list[int]:
    run = list("é東😀".encode()) + [0xC3, 0xED, 0xA0, 0x80, 0xF4, 0x90, 0xFF]
    return [rng.choice((rng.randrange(size), rng.randrange(6), FIRST_BYTE + rng.choice(run), FIRST_BYTE + rng.choice(run)))
            for _ in range(rng.randint(1, 12))]


def walk(tokens: Tokenizer, texts_by_id: list[str], tools: str, rng: random.Random) -> dict:
    """The constraint led by JSON-like text in random order: its masks, without a model."""
    tools, _ = prompt.normalise_tools(tools)
    guide, ids, masks = Constraint(texts_by_id, tools), [], []
    names, turn = list(guide.keys) or ["x"], 0
    usual = ['[{"name":"', ',"arguments":{"', ':"v","', ':1,"', ':{"a":["b"]},"', '}},{"name":"', ',"arguments":{"']
    while len(ids) < 60:
        name = rng.choice(names)
        function = guide.machine.function
        keys = sorted(guide.keys[function].words) if function in guide.keys else []
        if guide.machine.state != FREE:
            known = name if guide.machine.state == IN_NAME else rng.choice(keys or ["k"])
            text = rng.choice([known + '"'] * 3 + [known[:3], "é", '"'])
        elif rng.random() < 0.7:
            text, turn = usual[turn % len(usual)], turn + 1
        else:
            text = rng.choice(['"arguments":{"', '":"', ":", '{"', '"', '\\"', "]", "}", "[", '["a","b"]', ' "', ': "', ',"', "1"])
        for token in tokens.encode_inside(text):
            mask = guide.mask()
            if mask is not None and rng.random() < 0.4:
                token = int(rng.choice(mask.nonzero()[0]))
            masks.append(None if mask is None else [int(mask.sum()), check(mask.nonzero()[0].tolist())])
            ids.append(token)
            guide.feed(token)
    return {"tools": tools, "ids": ids, "masks": masks}


def vocabulary_part(reference: Reference, asked: dict[int, tuple[str, str]], walks: int) -> dict:
    tokens, rng = reference.tokens, random.Random(3)
    strange = [strange_text(rng) for _ in range(150)] + ["", " ", "\u2581", "<tools>", " <tools> x"]
    decoded = [strange_ids(rng, len(tokens.pieces)) for _ in range(150)]
    lists = [tools for _, tools in asked.values() if prompt.normalise_tools(tools)[1]]
    return {"tokens": [[text, tokens.encode(text)] for text in strange],
            "decoded": [[ids, tokens.decode(ids)] for ids in decoded],
            "walks": [walk(tokens, reference.texts, min(rng.sample(lists, 3), key=len), rng) for _ in range(walks)]}


# ---- with a model --------------------------------------------------------------------------------


def forward(reference: Reference, count: int) -> list[dict]:
    rng, size, out = random.Random(4), len(reference.tokens.pieces), []
    for rows in (1, 2, 7, 40)[:count]:
        encoder = [rng.randrange(1, size) for _ in range(rows)]
        decoder = [1] + [rng.randrange(size) for _ in range(2)]
        memory = reference.model.encode(encoder)
        state, logits = reference.model.start(None, memory), []
        for token in decoder:
            reference.model.step_token(state, token)
            logits.append(short(reference.model.logits(state)))
        states = [short(row) for row in memory.states] if rows < 10 else [short(memory.states[-1])]
        out.append({"encoder": encoder, "decoder": decoder, "states": states, "logits": logits})
    return out


def decodes(reference: Reference, asked: dict[int, tuple[str, str]], brief: bool) -> tuple[list[dict], list[list]]:
    inputs, out = [], []
    for i, (query, raw_tools) in asked.items():
        tools, names = prompt.normalise_tools(raw_tools)
        ids, memory = reference.encode(query, tools)
        inputs.append([i, len(ids), check(ids)])
        for constrained in (False, True):
            guide = Constraint(reference.texts, tools) if constrained else None
            limit = LIMITS[brief][i % 3]
            script = requests.script(tools, i) if constrained else ()
            answer = reference.finish(reference.decode(memory, guide, limit, script), names)
            out.append({"request": i, "constrained": constrained, "limit": limit, "ids": answer.ids,
                        "forced": [k for k, fed in enumerate(answer.forced) if fed],
                        "gaps": [float(f"{gap:.3g}") if gap < 1e9 else None for gap in answer.gaps],
                        "ended": answer.ended, "raw": answer.raw, "text": answer.text})
    return out, inputs


def retrieval(reference: Reference, asked: dict[int, tuple[str, str]]) -> dict:
    if "contrastive_proj_kernel" not in reference.model.vectors:
        return {}
    plain = [(query, tools) for query, tools in asked.values() if query.strip() and prompt.normalise_tools(tools)[1]][:6]
    return {"embed": [[query, short(reference.embed(query))] for query, _ in plain],
            "retrieve": [[query, tools, short(reference.retrieve(query, tools))] for query, tools in plain]}


def make(folder: Path, shape: Shape, size: int, asked: dict[int, tuple[str, str]], seed: int, brief: bool) -> str:
    random_model.write(folder, shape, vocabulary.export(vocabulary.train(size)), seed)
    reference = Reference.load(folder)
    golden = vocabulary_part(reference, asked, 16 if brief else 40)
    golden["forward"] = forward(reference, 3 if brief else 4)
    golden["decodes"], golden["inputs"] = decodes(reference, asked, brief)
    golden["near"] = [[i, k, gap] for i, decode in enumerate(golden["decodes"])
                      for k, gap in enumerate(decode["gaps"]) if gap is not None and gap < NEAR]
    golden |= retrieval(reference, asked)
    dump(folder / "golden.json", golden)
    steps = sum(len(decode["gaps"]) for decode in golden["decodes"])
    ended = sum(decode["ended"] for decode in golden["decodes"])
    different = len({tuple(decode["ids"]) for decode in golden["decodes"]})
    return (f"{folder.name}: {len(golden['decodes'])} decodes of {len(asked)} requests, {different} different, {ended} ended, "
            f"{steps} choices, {len(golden['near'])} near-ties")


def main() -> None:
    which, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    asked = requests.ODD + requests.ordinary(200 - len(requests.ODD))
    dump(folder / "text.json", texts())
    dump(folder / "requests.json", asked)
    for seed, (name, (shape, size, count)) in enumerate((SMALL if which == "small" else LARGE).items()):
        if len(sys.argv) > 3 and name not in sys.argv[3:]:
            continue
        step = len(asked) // count
        chosen = {i: pair for i, pair in enumerate(asked) if i % step == 0 or (i < len(requests.ODD) and step < 3)}
        print(make(folder / name, shape, size, chosen, seed + 1, which == "small"), flush=True)


if __name__ == "__main__":
    main()
