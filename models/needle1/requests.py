"""Requests for the golden decodes: 1 to 20 tools, five name styles, three schema styles, non-ASCII text.

    requests.ordinary(200)      made from the catalog
    requests.ODD                hand-written: tool texts and queries on which parsers differ
    requests.script(tools, i)   texts to feed so that a random model's decode meets names and keys
"""

import json
import random

from . import corpus, prompt

STYLES = ("snake", "camel", "pascal", "kebab", "dotted")
SCHEMAS = ("flat", "schema", "openai")

FOREIGN = ["qu'est-ce qu'il fait à Zürich\u00a0?", "明日の東京の天気は？", "Поставь таймер на 10 минут",
           "ağaç\u3000şeker 🌳🌲", "tab\there and\nline", "  two  spaces  ", "naïve\u2581café", "e\u0301 combining"]
DESCRIPTIONS = ["Météo d'une ville", "天気を調べる", "Погода 🌦️ сегодня", "price in € \u2028 or £", 'quotes " and \\ and / slash']
KEYS = ["größe", "名前", "unit price", "name", "arguments", "a\"b", "x1", "item_2"]
NUMBERS = "[1.0,1e5,1E16,1e-7,-0,-0.0,0.1,1e22,123456789012345678901234567890,5e-324,1.7976931348623157e308," \
          "9007199254740993,1e400,NaN,-Infinity,2.50,0.00001,123456.789e3]"

ODD = [
    ("", "[]"), ("   ", ""), ("what's up", "not json"), ("x", '{"name":"getOne","parameters":{}}'),
    ("x", '["getOne",["a"],{"name":""},{"description":"no name"},{"name":"a.b","parameters":[1]}]'),
    ("call it", '[{"name":"f","parameters":' + json.dumps({"a": 1, "b": {}, "c": "string", "d": {"type": "x"}}) + "}]"),
    ("numbers", '[ {"name" : "setValue", "defaults" : ' + NUMBERS + "} ]"),
    ("twice", '[{"name":"getX","parameters":{"a":{}}},{"name":"get_x","parameters":{"b":{},"b":{}}},{"name":"get-x"}]'),
    ("escapes", '[{"name":"e","description":"\\u00e9\\ud83d\\ude00\\ud800 \\n\\t\\"\\\\\\/\\u007f\\u0000"}]'),
    ("control", '[{"name":"e","description":"raw\ttab"}]'), ("bom", '\ufeff[{"name":"e"}]'),
    ("dup", '[{"name":"a","name":"b","parameters":{"x":1},"parameters":{"y":{}}}]'),
    ("<tools> in the <tool_call> text </s> <unk> <0x41>", '[{"name":"北京天気"},{"name":"naïve café"}]'),
    ("long " * 1100, '[{"name":"late"}]'), ("string", '"just text"'), ("trailing", '[{"name":"e"}] x'),
    ("deep", '[{"name":"d","parameters":{"a":{"b":[[[{"c":[{}]}]]]}}}]'), ("\u2581\u2581", "\u2581"),
    ("single 'quotes'", "[{'name':'e'}]"), ("comma", '[{"name":"e"},]'), ("numbers", "[01]"), ("n", "[1.]"), ("n", "[+1,.5]"),
]


def style_name(name: str, style: str) -> str:
    words = prompt.snake_case(name).split("_")
    if style in ("snake", "kebab", "dotted"):
        return {"snake": "_", "kebab": "-", "dotted": "."}[style].join(words)
    joined = "".join(word.capitalize() for word in words)
    return joined if style == "pascal" else joined[0].lower() + joined[1:]


def as_schema(tool: dict) -> dict:
    """The flat form as JSON-Schema."""
    properties = {key: {k: v for k, v in value.items() if k != "required"} for key, value in tool["parameters"].items()}
    required = [key for key, value in tool["parameters"].items() if value.get("required")]
    return tool | {"parameters": {"type": "object", "properties": properties, "required": required}}


def tool_list(rng: random.Random, count: int, style: str, schema: str, foreign: bool) -> list[dict]:
    entries = rng.sample([tool for domain in corpus.domains() for tool in domain["tools"]], count)
    tools = []
    for entry in entries:
        tool = corpus.flat_tool(entry, style_name(rng.choice(entry["names"]), style))
        if count > 4:                       # keeps the files small
            tool["parameters"] = dict(list(tool["parameters"].items())[:2])
        if foreign:
            tool["description"] = rng.choice(DESCRIPTIONS)
            tool["parameters"][rng.choice(KEYS)] = {"type": "string", "description": rng.choice(DESCRIPTIONS)}
        if schema != "flat":
            tool = as_schema(tool)
        tools.append({"type": "function", "function": tool} if schema == "openai" else tool)
    return tools


def ordinary(count: int, seed: int = 1) -> list[tuple[str, str]]:
    rng, out = random.Random(seed), []
    entries = [tool for domain in corpus.domains() for tool in domain["tools"]]
    for i in range(count):
        foreign, schema = i % 4 == 3, SCHEMAS[(i // 5) % 7] if (i // 5) % 7 < 3 else "flat"
        tools = tool_list(rng, 1 + i * 7 % 20 if i % 3 else 1 + i % 4, STYLES[i % 5], schema, foreign)
        query = rng.choice(FOREIGN) if i % 8 == 7 else corpus.request(rng.choice(entries), i)[0]
        text = json.dumps(tools, ensure_ascii=i % 2 == 0, indent=2 if i % 11 == 10 else None,
                          separators=(",", ":") if i % 3 == 0 else None)
        out.append((query, text))
    return out


def script(tools: str, turn: int) -> list[str]:
    """Texts that lead a decode through the constraint; `tools` normalised. By turn: name only, name and
    key, two keys, a whole call and a second name, a name begun wrongly, brackets in values."""
    opening, arguments = '<tool_call> [{"name":"', '","arguments":{"'
    try:
        names = [tool["name"] for tool in json.loads(tools) if tool["name"]]
    except (ValueError, TypeError, KeyError):
        names = []
    name = names[turn % len(names)] if names else "none"
    return [[opening], [opening, arguments], [opening, arguments, '":"12","', '":{"a":1},"'],
            [opening + name + arguments, '":["p","q}","r"],"', '":1}},{"name":"', arguments],
            [opening + name[:2], arguments, '":true}}]'],
            [opening + name + '","arguments":{"x":"a\\"b{","', '":[{"k":"v"}],"arguments":{"', '":"","']][turn % 6]
