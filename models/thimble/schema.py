"""Tool definitions in any dialect -> the internal form that model and grammar work on (FORMAT.md 2).

Accepted: {"name","description","parameters"} with JSON Schema or with the flat form {arg: {"type","description","required"}},
the OpenAI wrapper {"type":"function","function":{...}}, MCP's "inputSchema" and "input_schema".
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .pattern import PatternError, translate

MAX_TOOLS, MAX_ARGS, MAX_VALUES, MAX_DEPTH, MAX_NAME = 256, 64, 64, 4, 128
MAX_OBJECTS = 64                   # of a tool, the root among them
ROOT = 0


class ToolError(ValueError):
    """code is E_TOOLS or E_SCHEMA; the message says which tool, where and what."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclass
class Argument:
    path: tuple[str, ...]
    type: str                      # string | number | integer | boolean | enum
    description: str = ""
    required: bool = False         # within its object
    object: int = ROOT             # index into Tool.objects
    array: bool = False
    values: list[Any] = field(default_factory=list)   # enum: JSON scalars; boolean: [True, False]
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    multiple_of: float | None = None
    min_length: int = 0            # in characters (code points)
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    min_items: int = 0
    max_items: int | None = None
    unique_items: bool = False


@dataclass
class Tool:
    name: str
    description: str
    arguments: list[Argument]
    objects: list[tuple[int, bool]]          # (parent, required in parent); objects[0] is the root
    # Per object: its key in its parent, and how many arguments stand before it in canonical order.
    places: list[tuple[str, int]] = field(default_factory=lambda: [("", 0)])


ANNOTATIONS = {"title", "description", "default", "examples", "$comment", "$schema", "$id", "deprecated", "readOnly",
               "writeOnly", "nullable", "$defs", "definitions", "additionalProperties", "example"}
COMMON = {"type"} | ANNOTATIONS
KEYWORDS = {
    "string": {"enum", "const", "minLength", "maxLength", "pattern", "format"},
    "number": {"enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
    "integer": {"enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
    "boolean": {"enum", "const"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "object": {"properties", "required"},
}
FORMATS = {"date", "time", "date-time", "email", "uri", "url", "ipv4", "ipv6", "hostname", "uuid"}


def normalise(tools: list[Any], lenient: bool = False, ignored: list[str] | None = None) -> list[Tool]:
    """All tools, in canonical order. Raises ToolError. lenient: what is not enforced is ignored and named in `ignored`."""
    ignored = [] if ignored is None else ignored
    if not isinstance(tools, list):
        raise ToolError("E_TOOLS", "the tool list must be a JSON array")
    if len(tools) > MAX_TOOLS:
        raise ToolError("E_TOOLS", f"{len(tools)} tools; at most {MAX_TOOLS} are taken")
    out = [_tool(t, i, lenient, ignored) for i, t in enumerate(tools)]
    names = set()
    for t in out:
        if t.name in names:
            raise ToolError("E_TOOLS", f'two tools are called "{t.name}"')
        names.add(t.name)
    return sorted(out, key=lambda t: t.name.encode())


def _tool(tool: Any, index: int, lenient: bool, ignored: list[str]) -> Tool:
    if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
        tool = tool["function"]
    name = tool.get("name") if isinstance(tool, dict) else None
    if not isinstance(name, str) or not name or len(name.encode()) > MAX_NAME:
        raise ToolError("E_TOOLS", f"tool {index} has no usable name (1 to {MAX_NAME} bytes)")
    description = tool.get("description")
    schema = next((tool[k] for k in ("parameters", "inputSchema", "input_schema") if tool.get(k) is not None), {})
    if not isinstance(schema, dict):
        raise ToolError("E_SCHEMA", f'tool "{name}": parameters must be an object')
    compiler = _Compiler(name, schema, lenient, ignored)
    root = compiler.resolve(_as_schema(schema), "/parameters")
    if compiler.type_of(root, "/parameters") != "object":
        compiler.fail("/parameters", 'parameters must be of type "object"')
    compiler.object(root, (), ROOT, "/parameters", 0)
    return Tool(name, description if isinstance(description, str) else "", compiler.arguments, compiler.objects, compiler.places)


def _as_schema(parameters: dict) -> dict:
    """Turns the flat form into JSON Schema; leaves JSON Schema as it is.

    Flat means: no "type":"object" beside it, no "properties" object and no "$ref" or "anyOf", and every member describes
    one argument."""
    if parameters.get("type") == "object" or isinstance(parameters.get("properties"), dict) or isinstance(
            parameters.get("$ref"), str) or isinstance(parameters.get("anyOf"), list) or isinstance(
            parameters.get("oneOf"), list):
        return parameters
    properties, required = {}, []
    for key, value in parameters.items():
        if isinstance(value, str):
            value = {"type": value}
        if isinstance(value, dict):
            if value.get("required") is True:
                required.append(key)
            value = {k: v for k, v in value.items() if not (k == "required" and isinstance(v, bool))}
        properties[key] = value
    return {"type": "object", "properties": properties, "required": required}


class _Compiler:
    def __init__(self, tool: str, root: dict, lenient: bool, ignored: list[str]):
        self.tool, self.root, self.lenient, self.ignored = tool, root, lenient, ignored
        self.arguments: list[Argument] = []
        self.objects: list[tuple[int, bool]] = [(ROOT, True)]
        self.places: list[tuple[str, int]] = [("", 0)]

    def fail(self, where: str, what: str) -> None:
        raise ToolError("E_SCHEMA", f'tool "{self.tool}": {what} at {where}')

    def ignore(self, where: str, what: str) -> None:
        self.ignored.append(f'tool "{self.tool}": {what} at {where}')

    def object(self, schema: dict, path: tuple[str, ...], index: int, where: str, depth: int) -> None:
        self.check_keywords(schema, "object", where)
        if depth >= MAX_DEPTH:
            self.fail(where, f"objects nested deeper than {MAX_DEPTH}")
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            self.fail(where, '"properties" must be an object and "required" an array')
        for key in required:
            if not isinstance(key, str):
                self.fail(where, '"required" must hold strings')
            if key not in properties:
                self.fail(where, f'required argument "{key}" has no schema')
        for key in sorted(properties, key=lambda k: (k not in required, k.encode())):
            self.property(properties[key], path + (key,), index, f"{where}/properties/{key}", key in required, depth)

    def property(self, schema: Any, path: tuple[str, ...], parent: int, where: str, required: bool, depth: int) -> None:
        schema = self.resolve(schema, where)
        kind = self.type_of(schema, where)
        if kind == "object":
            if not schema.get("properties"):
                if self.lenient and not required:
                    self.ignore(where, "an object without properties")
                    return
                self.fail(where, "an object without properties cannot be filled; list its properties")
            if len(self.objects) == MAX_OBJECTS:
                self.fail(where, f"more than {MAX_OBJECTS} objects")
            self.objects.append((parent, required))
            self.places.append((path[-1], len(self.arguments)))
            self.object(schema, path, len(self.objects) - 1, where, depth + 1)
            return
        argument = Argument(path, kind, required=required, object=parent)
        argument.description = self.text(schema, "description")
        if kind == "array":
            self.check_keywords(schema, "array", where)
            argument.array = True
            argument.min_items = self.count(schema, "minItems", where) or 0
            argument.max_items = self.count(schema, "maxItems", where)
            argument.unique_items = schema.get("uniqueItems") is True
            schema = self.resolve(schema.get("items", {"type": "string"}), where + "/items")
            where += "/items"
            kind = self.type_of(schema, where)
            if kind in ("array", "object"):
                self.fail(where, f"arrays of {kind}s are not supported")
            argument.description = argument.description or self.text(schema, "description")
        self.scalar(argument, kind, schema, where)
        if len(self.arguments) == MAX_ARGS:
            self.fail(where, f"more than {MAX_ARGS} arguments")
        self.arguments.append(argument)

    def scalar(self, a: Argument, kind: str, schema: dict, where: str) -> None:
        self.check_keywords(schema, kind, where)
        a.type = kind
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if values is not None:
            if not isinstance(values, list):
                self.fail(where, '"enum" must be an array')
            values = [v for v in values if v is not None]
            if not 1 <= len(values) <= MAX_VALUES or any(isinstance(v, (list, dict)) for v in values):
                self.fail(where, f'"enum" must hold 1 to {MAX_VALUES} strings, numbers or booleans')
        elif kind == "boolean":
            a.values = [True, False]
        for key, name in (("minimum", "minimum"), ("maximum", "maximum"), ("exclusive_minimum", "exclusiveMinimum"),
                          ("exclusive_maximum", "exclusiveMaximum"), ("multiple_of", "multipleOf")):
            if kind in ("number", "integer"):
                setattr(a, key, self.number(schema, name, where))
        if a.multiple_of is not None and not a.multiple_of > 0:
            self.fail(where, '"multipleOf" must be greater than 0')
        if kind == "string":
            a.min_length = self.count(schema, "minLength", where) or 0
            a.max_length = self.count(schema, "maxLength", where)
            a.pattern, a.format = schema.get("pattern"), schema.get("format")
            if a.pattern is not None:
                if not isinstance(a.pattern, str):
                    self.fail(where, '"pattern" must be a string')
                try:
                    translate(a.pattern)
                except PatternError as e:
                    self.fail(where, f'"pattern" {e}')
            if not isinstance(a.format, str) or a.format not in FORMATS:
                a.format = None        # an unknown format is an annotation (JSON Schema 2020-12, 7.2.1)
        if values is not None:
            a.values = self.fitting(a, values, schema, where)
            a.type = "enum"

    def fitting(self, a: Argument, values: list[Any], schema: dict, where: str) -> list[Any]:
        """The enum values, each once, that the type (if one is given) and the limits allow."""
        enum, out = schema.get("enum"), []
        for v in values:
            fits = a.type == "string" and (not isinstance(v, str) or string_allowed(a, v)) or (
                a.type in ("number", "integer") and (not _is_number(v) or _limits_allow(a, v))) or a.type == "boolean"
            if "type" in schema:
                fits = fits and (isinstance(v, str) if a.type == "string" else isinstance(v, bool) if a.type == "boolean"
                                 else _is_number(v) and (a.type == "number" or _double(v).is_integer()))
            if "const" in schema and isinstance(enum, list):
                fits = fits and any(_same(v, e) for e in enum)
            if fits and not any(_same(v, o) for o in out):
                out.append(v)
        if not out:
            self.fail(where, '"enum" has no value that its type and limits allow')
        return out

    def resolve(self, schema: Any, where: str) -> dict:
        """Follows local $ref and the one branch that anyOf/oneOf leave when null is taken out."""
        for _ in range(8):
            if not isinstance(schema, dict):
                self.fail(where, "a schema must be an object")
            if "$ref" in schema:
                target = self.reference(schema["$ref"], where)
                if not isinstance(target, dict):
                    self.fail(where, "a schema must be an object")
                schema = self.merged(target, schema, "$ref", where)
                continue
            branch_key = next((k for k in ("anyOf", "oneOf") if k in schema), None)
            if branch_key is None:
                return schema
            branches = schema[branch_key]
            if not isinstance(branches, list):
                self.fail(where, f'"{branch_key}" must be an array')
            branches = [b for b in branches if not (isinstance(b, dict) and b.get("type") == "null")]
            if len(branches) != 1 and not self.lenient or not branches:
                self.fail(where, f'keyword "{branch_key}" with several types is not enforced')
            if not isinstance(branches[0], dict):
                self.fail(where, "a schema must be an object")
            if len(branches) > 1:
                self.ignore(where, f'all but the first of "{branch_key}"')
            schema = self.merged(branches[0], schema, branch_key, where)
        self.fail(where, '"$ref" leads nowhere or in a circle')

    def merged(self, inner: dict, outer: dict, through: str, where: str) -> dict:
        """`inner` and what stands beside `through` in `outer`; the latter wins where both say something."""
        rest = {k: v for k, v in outer.items() if k != through}
        for key, value in sorted(rest.items(), key=lambda kv: kv[0].encode()):
            if key in inner and key not in ANNOTATIONS and not _same(value, inner[key]):
                if not self.lenient:
                    self.fail(where, f'keyword "{key}" is given twice, beside "{through}" and inside it')
                self.ignore(where, f'keyword "{key}" inside "{through}"')
        return {**inner, **rest}

    def reference(self, ref: Any, where: str) -> Any:
        if not isinstance(ref, str) or not ref.startswith("#/"):
            self.fail(where, '"$ref" must point into the same schema (#/...)')
        node: Any = self.root
        for part in ref[2:].split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        if node is None:
            self.fail(where, f'"$ref" {ref} leads nowhere')
        return node

    def type_of(self, schema: dict, where: str) -> str:
        kind = schema.get("type")
        if "type" in schema and not isinstance(kind, (str, list)):
            self.fail(where, '"type" must be a string')
        if isinstance(kind, list):
            kinds = [k for k in kind if k != "null"]
            if len(kinds) != 1:
                self.fail(where, "several types are not enforced; give one")
            kind = kinds[0]
            if not isinstance(kind, str):
                self.fail(where, '"type" must be a string')
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        if kind not in KEYWORDS:
            self.fail(where, f'type "{kind}" is not supported')
        return kind

    def check_keywords(self, schema: dict, kind: str, where: str) -> None:
        for key in sorted(schema, key=str.encode):
            if key not in COMMON and key not in KEYWORDS[kind] and not key.startswith("x-"):
                if not self.lenient:
                    self.fail(where, f'keyword "{key}" is not enforced; pass schema "lenient" to ignore it')
                self.ignore(where, f'keyword "{key}"')

    def number(self, schema: dict, key: str, where: str) -> float | None:
        value = schema.get(key)
        if value is None:
            return None
        if not _is_number(value):
            self.fail(where, f'"{key}" must be a number')
        return _double(value)

    def count(self, schema: dict, key: str, where: str) -> int | None:
        value = self.number(schema, key, where)
        if value is not None and not (0 <= value < 1e18 and value == int(value)):
            self.fail(where, f'"{key}" must be a whole number from 0')
        return None if value is None else min(int(value), 2**31 - 1)

    @staticmethod
    def text(schema: dict, key: str) -> str:
        value = schema.get(key)
        return value if isinstance(value, str) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _same(a: Any, b: Any) -> bool:
    """Equal JSON scalars (1 and 1.0 are, 1 and true are not); lists and objects are never taken to be equal."""
    if _is_number(a) and _is_number(b):
        return _double(a) == _double(b)
    return type(a) is type(b) and not isinstance(a, (list, dict)) and a == b


_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(\.\d+)?([zZ]|[+-](\d\d):(\d\d))", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def _is_date(text: str) -> bool:
    m = _DATE.fullmatch(text)
    if not m:
        return False
    year, month, day = map(int, m.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= days[month - 1]


def _is_time(text: str) -> bool:
    m = _TIME.fullmatch(text)
    if not m:
        return False
    hour, minute, second = (int(m.group(i)) for i in (1, 2, 3))
    offset_ok = m.group(6) is None or (int(m.group(6)) < 24 and int(m.group(7)) < 60)
    return hour < 24 and minute < 60 and second <= 59 and offset_ok


def _is_hostname(text: str) -> bool:
    return 0 < len(text) <= 253 and all(_LABEL.fullmatch(part) for part in text.split("."))


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(re.fullmatch(r"0|[1-9][0-9]{0,2}", p) and int(p) < 256 for p in parts)


def _is_ipv6(text: str) -> bool:
    head, double, tail = text.partition("::")
    if double and "::" in tail:
        return False
    groups = [g for part in (head, tail) if part for g in part.split(":")]
    count = len(groups)
    if groups and "." in groups[-1] and (tail or not double):
        if not _is_ipv4(groups.pop()):
            return False
        count += 1
    return all(re.fullmatch(r"[0-9A-Fa-f]{1,4}", g) for g in groups) and (count < 8 if double else count == 8)


def _is_email(text: str) -> bool:
    local, at, host = text.rpartition("@")
    return bool(at) and len(local) <= 64 and bool(
        re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", local)) and _is_hostname(host)


def _is_uri(text: str) -> bool:
    """RFC 3986 with a scheme, without addresses in brackets."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:(?!$)(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
                             r"(?:#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?", text))


def _is_date_time(text: str) -> bool:
    return len(text) > 11 and text[10] in "Tt" and _is_date(text[:10]) and _is_time(text[11:])


def _is_uuid(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text))


FORMAT_CHECKS = {"date": _is_date, "time": _is_time, "date-time": _is_date_time, "email": _is_email, "uri": _is_uri,
                 "url": _is_uri, "ipv4": _is_ipv4, "ipv6": _is_ipv6, "hostname": _is_hostname, "uuid": _is_uuid}


def string_allowed(a: Argument, text: str) -> bool:
    """Whether `text` satisfies the argument's length, format and pattern (searched, as JSON Schema says)."""
    if len(text) < a.min_length or a.max_length is not None and len(text) > a.max_length:
        return False
    if a.format is not None and not FORMAT_CHECKS[a.format](text):
        return False
    return a.pattern is None or translate(a.pattern).search(text) is not None


def number_allowed(a: Argument, value: tuple[int, int]) -> bool:
    """Whether the number (mantissa, scale) satisfies the argument's type and range."""
    if a.type == "integer" and value[1] != 0:
        return False
    return _limits_allow(a, value[0] / 10 ** value[1])


def _limits_allow(a: Argument, x: float) -> bool:
    x = _double(x)
    if a.minimum is not None and x < a.minimum or a.maximum is not None and x > a.maximum:
        return False
    if a.exclusive_minimum is not None and x <= a.exclusive_minimum:
        return False
    if a.exclusive_maximum is not None and x >= a.exclusive_maximum:
        return False
    return a.multiple_of is None or _is_multiple(x, a.multiple_of)


def _is_multiple(x: float, step: float) -> bool:
    """Exact for whole numbers below 2**53, else to 1e-9 of a step."""
    if not (abs(x) < 2**53 and step < 2**53):
        return False
    if x == int(x) and step == int(step):
        return int(x) % int(step) == 0
    quotient = x / step
    if not abs(quotient) < 2**53:
        return False
    nearest = round(quotient)
    return abs(quotient - nearest) < 1e-9 and (nearest != 0 or x == 0)
