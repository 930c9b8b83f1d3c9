"""Writes what the engine's number, pattern, schema and grammar code is compared with: tests/golden/*.

    python -m thimble.make_grammar_vectors [--out tests/golden] [--seed 1] [--scale 1]     (in models/)

Everything is random from the seed. All but segments.jsonl needs no tokenizer: requests are cut into tokens here, in the ways a
tokenizer may cut them and worse. segments.jsonl is made with models/tiny's; run this again when that changes. Finished calls
are also checked with the jsonschema package, if it is installed.
"""
from __future__ import annotations

import argparse
import glob
import json
import random
import re
from pathlib import Path
from typing import Any, Iterator

from . import number
from .grammar import FIRST, ITEM, NEXT, Grammar
from .pattern import PatternError, translate
from .schema import ToolError, normalise
from .segment import Query, Segment, SegmentBuilder, Token, Tokenizer
from .segment import query as make_query
from .text import ascii_lower

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = Path(__file__).resolve().parent
CATALOG = HERE.parent / "data" / "catalog"
TINY = HERE.parent / "tiny"

# ---- raw material ---------------------------------------------------------------------------------

WORDS = """room Kitchen light lamp Anna müller café Straße 東京 タワー Ελλάδα привет naïve über Zürich the a of and to for in at by with
play song Clair de Lune track stop start volume up down email send reply bob@example.com a.b@c.io https://x.org/p?q=1#top ftp:/ data:,x
10.0.0.1 256.1.1.1 ::1 fe80::1%eth0 2001:db8::8:800:200c:417a 1.2.3.4:: 123e4567-e89b-12d3-a456-426614174000 2024-02-29 2023-02-29
2024-13-01 12:30:00Z 23:59:59+01:00 2024-05-06T07:08:09Z *.log #main @home $5 50% C++ "quoted" 'single' (paren) [x] {y} <z> (open close)
-x --flag ~/path a_b-c.d e.g. U.S.A. foo/bar! what? yes no on off AB-123 ab-12 XYZ-9999 007 +49-151-1234 \u2019s don\u2019t \u201cso\u201d
\u00abx\u00bb \u20ac20 \u00a35 20\u20ac 21\u00b0C 1\u20442 \u2014 \u2026 \U0001f600 e\u0301 \u00a0 \u3000 \u200b \ufeff \x00 \x1f \x7f \\ ^caret = == a=b k K""".replace("\n", " ").split(" ")
NUMERALS = """0 1 2 3 5 7 10 12 21 42 99 100 101 365 1000 2024 65535 1,000 12,345,678 1,00 1,0000 1,234.5 0.5 .5 5. 1.50 3.14159 0.000000001
1.0000000001 007 -2 +3 -0 -0.5 - 5k 2.5k 3K 1st 2nd 3rd 4th 11th 1.5th 5 million 2 dozen 1.5 billion 3 hundred 7thousand 999999999999999
1000000000000000 123456789012345678 1e5 0x10 1/2 10% 3pm 7:30 30min 10km x2 v1.2 1.2.3 $5 12-5 4-- 1.,2 9.9.""".split()
ONES = list(number.ONES) + list(number.TENS) + list(number.ORDINALS) + list(number.MULTIPLIERS) + [
    "a", "and", "point", "minus", "negative", "half", "quarter", "quarters", "dozen", "couple", "pair", "once", "twice", "double"]
PATTERNS = [r"^[A-Z]{2,3}-\d+$", r"\d", r"^\w+$", r"^#?\w", r"@", r"^[^\s@]+@[^\s@]+\.[a-z]{2,}$", r"^(on|off|auto)$", r"\bplay\b",
            r"^.{3,10}$", r"^[\w.-]+$", r"[äöüß]", r"^\S+( \S+)?$", r"^(?:[a-z]+[ -]?)+$", r"\d{1,3}(\.\d{1,3}){3}", r"^$", r"x*", r"[^a-z]",
            r"^\p{L}", r"(a|b", r"(?=x)", r"a{3,1}", r"\u{1F600}", r"^\u00e9?", r"(?<y>\d{4})-\d\d", r"k+?$", r"[\d\-]{2,}", r"^\+?[1-9]\d*$"]
FORMATS = ["date", "time", "date-time", "email", "uri", "url", "ipv4", "ipv6", "hostname", "uuid", "phone", "int32"]


def phrases() -> list[str]:
    out = []
    for file in sorted(glob.glob(str(CATALOG / "domains*" / "*.json"))):
        for tool in json.loads(Path(file).read_text())["tools"]:
            out += [q for q in tool.get("queries", [])[:2] if isinstance(q, str)]
    return out


def number_words(r: random.Random) -> str:
    scales = ["hundred", "thousand", "million", "billion"]
    if r.random() < 0.5:
        parts = [r.choice(["a", *list(number.ONES)[1:], *number.TENS])]
        for _ in range(r.randrange(4)):
            parts += [r.choice([*scales, "and", *list(number.ONES), *number.TENS])]
    else:
        parts = [r.choice(ONES) for _ in range(r.randint(1, 5))]
    return r.choice([" ", " ", " ", "-"]).join(parts)


def some_number(r: random.Random) -> str:
    kind = r.randrange(6)
    if kind == 0:
        return r.choice(NUMERALS)
    if kind == 1:
        return number_words(r)
    if kind == 2:
        return str(r.randrange(-50, 5000))
    if kind == 3:
        return f"{r.uniform(-100, 2000):.{r.randrange(5)}f}" + r.choice(["", "", "k", "th", " million", "%", "°C", "min"])
    if kind == 4:
        return f"{r.randrange(10**r.randint(3, 9)):,}"
    return r.choice(["two and a half", "half a dozen", "one point five", "twenty-one", "minus five", "a hundred and one",
                     "three quarters", "twelve hundred", "nine hundred ninety nine thousand", "a couple", "the second"])


def some_text(r: random.Random, templates: list[str]) -> str:
    def fill(_: re.Match[str]) -> str:
        return some_number(r) if r.random() < 0.4 else " ".join(r.choice(WORDS) for _ in range(r.randint(1, 3)))
    if r.random() < 0.5:
        text = re.sub(r"\{[^}]*\}", fill, r.choice(templates))
    else:
        text = r.choice([" ", " ", " ", "", "  ", ", ", "\n"]).join(
            some_number(r) if r.random() < 0.35 else r.choice(WORDS) for _ in range(r.randint(1, 14)))
    if r.random() < 0.1:
        text = text.upper()
    if r.random() < 0.1:
        text = "".join(r.choice([c, c, c, c + " ", "", chr(r.choice([0, 45, 46, 44, 0x2581, 0xe9, 0x1f600, 0x20ac]))]) for c in text)
    return text[:400]


# ---- tokens -----------------------------------------------------------------------------------------

def cut(text: str, r: random.Random) -> list[Token]:
    """A request as tokens: words in pieces, digits and punctuation alone; now and then bytes, or nothing at all."""
    raw, out, at = text.encode(), [Token(8, 0, 0, 0)], 0
    hostile = r.random() < 0.15
    while at < len(raw) and len(out) < 320:
        while at < len(raw) and raw[at] == 0x20 and r.random() < 0.97:
            at += 1
        if at >= len(raw):
            break
        if raw[at] == 0x20 or hostile and r.random() < 0.05:
            length = 0 if r.random() < 0.5 else 1
        elif hostile and r.random() < 0.1:
            length = r.randint(1, 5)
        else:
            m = re.compile(rb"[0-9]|[A-Za-z]{1,7}|(?:[\xc2-\xf4][\x80-\xbf]+){1,4}|[\x00-\xff]").match(raw, at)
            length = len(m.group())
            if m.group()[0] >= 0x80 and r.random() < 0.2:
                length = 1
        length = min(length, len(raw) - at)
        out.append(Token(300, at, at + length, 0))
        at += length
    return out


def query_of(text: str, r: random.Random) -> Query:
    return Query(text, text.encode(), cut(text, r))


def segment_of(tool: Any, r: random.Random) -> Segment:
    s = Segment(tool, [4] + [300] * r.randint(0, 5), [])
    for a in tool.arguments:
        s.arguments.append(len(s.ids))
        s.ids += [5] + [300] * r.randint(0, 4)
        rows = []
        for _ in a.values:
            rows.append(len(s.ids))
            s.ids += [6] + [300] * r.randint(0, 2)
        s.values.append(rows)
    s.cases = [0] * len(s.ids)
    return s


# ---- tools ------------------------------------------------------------------------------------------

NAMES = ["query", "to", "room name", "amount", "x", "startDate", "HTTPPort", "tags", "é", "名前", "a/b", "a~b", "", "min_value", "opts",
         "deep", "z", "Z", "_", "list", "unit", "properties", "type", "required"]


def scalar_schema(r: random.Random, nasty: float) -> dict[str, Any]:
    kind = r.choice(["string", "string", "number", "integer", "boolean", "enum"])
    s: dict[str, Any] = {"type": kind}
    if kind == "enum":
        values: list[Any] = r.sample(["heat", "cool", "Auto Mode", "off", "x.y", "été", "a,b", "1", ""], r.randint(1, 5))
        if r.random() < 0.3:
            values = r.sample([1, 2, 3, 0.5, 10, -1, 2.25, "2", True, False, None, 1.5], r.randint(1, 6))
        s = {"enum": values} if r.random() < 0.5 else {"type": "string", "enum": values}
        if r.random() < 0.1:
            s["const"] = r.choice(values)
    if kind == "string":
        if r.random() < 0.3:
            s["pattern"] = r.choice(PATTERNS)
        if r.random() < 0.3:
            s["format"] = r.choice(FORMATS)
        if r.random() < 0.2:
            s["minLength"] = r.randint(0, 8)
        if r.random() < 0.2:
            s["maxLength"] = r.randint(1, 30)
    if kind in ("number", "integer"):
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            if r.random() < 0.15:
                s[key] = r.choice([0, 1, -5, 10, 100, 0.5, 20.5, 1e3, 1e15, 2**60])
        if r.random() < 0.15:
            s["multipleOf"] = r.choice([2, 5, 0.5, 0.1, 0.01, 10, 3, 1e-3, 0, -1])
    if r.random() < 0.3:
        s["description"] = "what it is"
    if r.random() < 0.1:
        s = {"anyOf": [s, {"type": "null"}]}
    if r.random() < nasty:
        s[r.choice(["not", "minItems", "x-y", "title", "default", "if", "nullable", "type", "enum", "const", "pattern", "minLength",
                    "anyOf", "$ref", "maximum", "format", "properties", "items"])] = r.choice(
            [None, 1, -1, 1.5, "string", "x", "null", [], {}, ["string", "null"], ["a", "a", None], [{"type": "null"}], "#/$defs/s",
             {"type": "string"}, True, [{"type": "string"}, {"type": "number"}], [["a"]], [1, {}], "object", "array", "#/nowhere", 1e400,
             [True, 1, 1.0, "1"], [3], "(", "email"])
    return s


def any_schema(r: random.Random, depth: int, nasty: float) -> dict[str, Any]:
    roll = r.random()
    if roll < 0.2:
        s: dict[str, Any] = {"type": "array", "items": scalar_schema(r, nasty)}
        if r.random() < 0.1:
            del s["items"]
        if r.random() < 0.3:
            s["minItems"] = r.randint(0, 3)
        if r.random() < 0.3:
            s["maxItems"] = r.randint(0, 4)
        if r.random() < 0.3:
            s["uniqueItems"] = r.random() < 0.8
        if r.random() < nasty / 2:
            s["items"] = any_schema(r, depth + 1, nasty)
        return s
    if roll < 0.35 and depth < (6 if nasty else 3):
        s = object_schema(r, depth + 1, nasty, 3)
        if nasty and r.random() < 0.1:
            s["properties"] = r.choice([{}, None, [], "x"])
        return s
    if roll < 0.4:
        return {"$ref": r.choice(["#/$defs/s", "#/$defs/o", "#/$defs/a~1b"]), "description": "by reference"}
    return scalar_schema(r, nasty)


def object_schema(r: random.Random, depth: int, nasty: float, most: int) -> dict[str, Any]:
    names = r.sample(NAMES, r.randint(0 if depth == 0 else 1, most))
    s: dict[str, Any] = {"type": "object", "properties": {n: any_schema(r, depth, nasty) for n in names}}
    if names and r.random() < 0.7:
        s["required"] = r.sample(names, r.randint(0, len(names)))
    if r.random() < nasty / 2:
        s["required"] = s.get("required", []) + [r.choice(["ghost", 1, None, ["x"]])]
    if r.random() < 0.2:
        s["additionalProperties"] = False
    return s


def tool_definition(r: random.Random, nasty: float = 0.0) -> Any:
    name = r.choice(["set_light", "playMusic", "send.mail", "T", "été", "名", "get-weather", "HTTPGet", "a"]) + r.choice(
        ["", "", "2", "_x", " y"]) + str(r.randrange(1000))
    description = r.choice([{}, {"description": "Does something"}, {"description": None}])
    roll = r.random()
    if roll < 0.2:
        flat: dict[str, Any] = {}
        for n in r.sample([n for n in NAMES if n != "properties"], r.randint(0, 4)):
            s = any_schema(r, 1, nasty)
            if s.get("type") != "object" and r.random() < 0.5:
                s["required"] = r.choice([True, True, False])
            flat[n] = r.choice(["string", "number", "integer", "boolean"]) if r.random() < 0.2 else s
        return {"name": name, **description, "parameters": flat}
    parameters = object_schema(r, 0, nasty, 6)
    parameters["$defs"] = {"s": {"type": "string", "maxLength": 20}, "o": {"type": "object", "properties": {"q": {"type": "integer"}}},
                           "a/b": {"type": ["number", "null"], "minimum": 1}}
    if r.random() < nasty / 3:
        parameters = r.choice([None, {}, {"type": "object"}, [], "x", {"$ref": "#/$defs/s", "$defs": {"s": {"type": "string"}}},
                               {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "null"}]},
                               {"type": "object", "$ref": "#"}, {"$ref": "#/a", "a": {"$ref": "#/a"}}, {"type": "array"}])
    tool = {"name": name, **description, r.choice(["parameters", "parameters", "inputSchema", "input_schema"]): parameters}
    if r.random() < nasty / 4:
        tool = r.choice([{**tool, "name": ""}, {**tool, "name": None}, {**tool, "name": "n" * 129}, {"x": 1}, 5, None, "tool", []])
    return {"type": "function", "function": tool} if roll > 0.8 else tool


# ---- the files --------------------------------------------------------------------------------------

def spelled(value: Any) -> Any:
    return number.spell(value) if value is not None else None


def number_lines(r: random.Random, count: int) -> Iterator[str]:
    texts = set(NUMERALS) | set(ONES)
    while len(texts) < count:
        texts.add(some_number(r))
        texts.add(r.choice(["minus ", "negative ", "-", "+", "", ""]) + number_words(r))
        base = some_number(r)
        at = r.randrange(len(base) + 1)
        texts.add(base[:at] + r.choice(" -,.0159kand") + base[at:])
    for text in sorted(texts):
        text = ascii_lower(text)
        value = number.parse(text)
        yield f"{text}\t{'-' if value is None else number.spell(value)}"
    for _ in range(count // 4):
        text = ascii_lower(some_text(r, ["{} {} x"])).translate({9: " ", 10: " ", 13: " "})
        begins = "".join(str(int(number.boundary_before(text, i))) for i in range(len(text)))
        ends = "".join(str(int(number.boundary_after(text, i))) for i in range(1, len(text) + 1))
        if text and "\0" not in text:
            yield f"{text}\t{begins}\t{ends}"


def random_pattern(r: random.Random, depth: int = 0) -> str:
    atoms = ["a", "b", "é", ".", r"\d", r"\w", r"\s", r"\W", r"\S", r"\D", r"\.", "[a-c]", "[^ab]", r"[\d_]", "^", "$", r"\b", r"\B", "[]", "[^]",
             r"[^\s]", r"\x41", r"\u00e9", "[a-]", "-", "{", "}", "]", r"[\w-]", r"\/"]
    out = ""
    for _ in range(r.randint(0, 4)):
        atom = f"({r.choice(['', '?:', '?<n>'])}{random_pattern(r, depth + 1)})" if depth < 2 and r.random() < 0.25 else r.choice(atoms)
        out += atom + r.choice(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "{0}"])
        if r.random() < 0.1:
            out += "|"
    return out


def pattern_vectors(r: random.Random, count: int) -> Iterator[dict[str, Any]]:
    odd = PATTERNS + ["a**", "*a", "(", ")", "[", "[b-a]", "\\", "\\1", "\\k<n>", "\\p{L}", "(?!a)", "(?<=a)", "(?i)a", "a{1001}", "(a{40}){40}",
                      "((((" * 9 + "))))" * 9, "x" * 1025, "x{999}", "x{998}", r"\u{110000}", r"\ud800", r"\ud83d\ude00", r"\uZZ", r"\x4", r"\cA",
                      r"\c1", "a{,2}", "a{2", "a{2}{3}", "^*", r"\b+", "[\\", "[a-\\", r"[\b]", r"[a-\d]", "a|*", "(?<1>a)", "(?<n", "\u00e9+", "|||", "()*", "(a*)*b", "(a|a)*c"]
    for i in range(count):
        pattern = odd[i] if i < len(odd) else random_pattern(r)
        try:
            compiled = translate(pattern)
        except PatternError as e:
            yield {"pattern": pattern, "error": str(e)}
            continue
        texts = {"", "a"}      # short ones: Python's matcher takes exponential time
        if i < len(odd):
            texts |= {r.choice(WORDS), r.choice(WORDS) + " " + r.choice(WORDS)}
        texts |= {"".join(r.choice("ab é1_-A\n\u00a0\u2028😀{") for _ in range(r.randint(0, 7))) for _ in range(6)}
        yield {"pattern": pattern, "texts": [[t, compiled.search(t) is not None] for t in sorted(texts)]}


def message(text: str) -> str:
    """As the engine's error record holds it (src/base.c)."""
    out = ""
    for c in text:
        shown = "?" if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 else c
        if len((out + shown).encode()) > 255:
            break
        out += shown
    return out


def form(tools: list[Any]) -> list[Any]:
    """What tests/c/test_schema.c compares: everything that reading a tool list decides."""
    def limit(x: float | None) -> Any:
        return None if x is None else "inf" if x == float("inf") else "-inf" if x == float("-inf") else float(x)
    return [[t.name, t.description, [[p, q] for p, q in t.objects[1:]], [[k, f] for k, f in t.places[1:]], [
        [list(a.path), a.type, a.description, a.required, a.object, a.array, a.unique_items, a.min_items, a.max_items,
         [limit(x) for x in (a.minimum, a.maximum, a.exclusive_minimum, a.exclusive_maximum, a.multiple_of)],
         a.min_length, a.max_length, a.format, a.pattern is not None, [json.dumps(v, ensure_ascii=False) for v in a.values]]
        for a in t.arguments]] for t in tools]


def schema_vectors(r: random.Random, count: int) -> Iterator[dict[str, Any]]:
    for i in range(count):
        tools: Any = [tool_definition(r, r.choice([0.0, 0.1, 0.4])) for _ in range(r.randint(0, 3))]
        if i == 0:
            tools = [{"name": f"t{n}"} for n in range(257)]
        elif i == 1:
            tools = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
        elif i == 2:
            tools = {"name": "a"}
        elif i == 3:
            tools = [{"name": "a", "parameters": {f"p{n}": "string" for n in range(65)}}]
        elif i == 4:
            tools = [{"name": "a", "parameters": {"k" * 300: {"type": "string", "not": {}}}}]
        text = json.dumps(tools, ensure_ascii=r.random() < 0.3).replace("Infinity", "1e400")
        ignored: list[str] = []
        case: dict[str, Any] = {"tools": text, "lenient": r.random() < 0.4}
        try:
            case["form"] = form(normalise(json.loads(text), case["lenient"], ignored))
            case["ignored"] = [message(x) for x in ignored]
        except ToolError as e:
            case["error"] = [e.code, message(str(e))]
        yield case


def fingerprint(positions: list[int]) -> int:
    """FNV-1a over the positions."""
    h = 0x811C9DC5
    for p in positions:
        h = (h ^ p) * 0x01000193 & 0xFFFFFFFF
    return h


def walk(g: Grammar, r: random.Random) -> list[list[int]]:
    steps, haste = [], r.choice([0.1, 0.3, 0.6])
    while not g.done:
        choices = g.allowed
        if g.kind in (FIRST, NEXT, ITEM) and r.random() > haste:
            choices = [p for p in g.allowed if p != g.end and (g.kind == FIRST or p not in g.offsets)] or choices
        target = r.choice(choices)
        steps.append([g.kind, target, len(g.allowed), fingerprint(g.allowed)])
        g.choose(target)
    return steps


def ecma_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """jsonschema takes patterns to be Python's."""
    if isinstance(instance, str) and not translate(pattern).search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def check(calls: list[dict[str, Any]], definitions: list[Any]) -> None:
    """Every call is valid by its own schema, says a validator that is not ours."""
    if jsonschema is None:
        return
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})
    schemas = {}
    for d in definitions:
        d = d.get("function", d)
        schemas[d["name"]] = next((d[k] for k in ("parameters", "inputSchema", "input_schema") if k in d), None)
    for call in calls:
        schema = schemas[call["name"]]
        if isinstance(schema, dict) and schema.get("type") == "object":
            validator(schema).validate(call["arguments"])


def grammar_vectors(r: random.Random, count: int) -> Iterator[dict[str, Any]]:
    templates, made = phrases() or ["{x} {y}"], 0
    while made < count:
        definitions = [tool_definition(r) for _ in range(r.choice([1, 1, 2, 3, 6]))]
        try:
            tools = normalise(json.loads(json.dumps(definitions)))
        except ToolError:
            continue
        query = query_of(some_text(r, templates), r)
        segments = [segment_of(t, r) for t in tools]
        options = [r.choice([1, 2, 8, 8]), r.random() < 0.2, r.randrange(len(tools)) if r.random() < 0.1 else -1]
        g = Grammar(query, segments, options[0], options[1], None if options[2] < 0 else options[2])
        steps = walk(g, r)
        check(g.result(), definitions)
        made += 1
        yield {
            "tools": definitions, "query": query.text, "tokens": [x for t in query.tokens for x in (t.start, t.end)],
            "rows": [[len(s.ids), s.arguments, [v for vs in s.values for v in vs]] for s in segments], "options": options, "steps": steps,
            "calls": [[c.tool, dump(g.arguments(c, convert=Number.of))] for c in g.calls],
            "spans": [[c.tool, i, list(s)] for c in g.calls for i, v in sorted(c.arguments.items()) for s in v.spans if s],
            "incomplete": [list(x) for x in g.incomplete]}


class Number(str):
    """A number by its exact spelling."""

    @staticmethod
    def of(value: Any) -> Any:
        return Number(number.spell(value)) if isinstance(value, tuple) else value


def dump(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def catalog_texts() -> list[str]:
    out = []
    for file in sorted(glob.glob(str(CATALOG / "domains*" / "*.json"))):
        for tool in json.loads(Path(file).read_text())["tools"][:3]:
            out += tool["names"][:2] + tool["descriptions"][:1]
    return out


def vocabulary_mark() -> int:
    """FNV-1a of the vocabulary's bytes: says which tokenizer segments.jsonl belongs to."""
    return fingerprint(list((TINY / "vocab.txt").read_bytes()))


def segment_vectors(r: random.Random, count: int) -> Iterator[dict[str, Any]]:
    tokenizer = Tokenizer(str(TINY / "tokenizer.model"))
    builder, texts, templates, made = SegmentBuilder(tokenizer), catalog_texts(), phrases(), 0
    yield {"vocabulary": vocabulary_mark()}
    while made < count:
        definition = tool_definition(r)
        definition.get("function", definition)["description"] = " ".join(r.choice(texts) for _ in range(r.choice([0, 1, 1, 3, 12])))
        try:
            tools = normalise(json.loads(json.dumps([definition])))
        except ToolError:
            continue
        made += 1
        s, text = builder.tool(tools[0]), some_text(r, templates)
        q = make_query(tokenizer, text)
        yield {"tools": [definition], "rows": [i | c << 16 for i, c in zip(s.ids, s.cases)], "arguments": s.arguments,
               "values": [v for vs in s.values for v in vs], "query": text,
               "tokens": [x for t in q.tokens for x in (t.id, t.start, t.end, t.case)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE.parent.parent / "tests" / "golden")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="how many vectors, 1: as committed")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "numbers.txt").write_bytes(
        "".join(line + "\n" for line in number_lines(random.Random(args.seed), int(2000 * args.scale))).encode())
    for name, make, count in (("patterns", pattern_vectors, 600), ("schemas", schema_vectors, 500), ("grammar", grammar_vectors, 500),
                              ("segments", segment_vectors, 80)):
        with open(args.out / f"{name}.jsonl", "w", newline="\n") as file:
            for case in make(random.Random(args.seed), int(count * args.scale)):
                file.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
