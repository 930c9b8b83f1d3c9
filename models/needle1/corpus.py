"""Text for the throwaway vocabularies: the catalog's tools and requests, as Needle 1 saw such text.

    lines = corpus.lines()          queries, compact tool lists and answers, one per line
"""

import json
import re
from functools import cache
from pathlib import Path

DEFAULTS = {"boolean": [True, False], "integer": [2, 15, 40], "number": [1.5, 20, 72.25]}
CATALOG = Path(__file__).parents[1] / "data" / "catalog"


@cache
def domains() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(CATALOG.glob("domains*/*.json"))]


def values(parameter: dict) -> list:
    """Some values that a parameter of the catalog may take."""
    stated = parameter.get("enum") or parameter.get("values")
    return list(stated) if stated else DEFAULTS.get(parameter["type"], ["Ada", "tomorrow"])


def flat_tool(tool: dict, name: str) -> dict:
    """A catalog entry in the flat form that Needle 1 was trained on."""
    parameters = {}
    for key, parameter in tool["parameters"].items():
        text = parameter.get("descriptions", [""])[0]
        if "enum" in parameter:
            text += ", one of " + ", ".join(f"'{value}'" for value in parameter["enum"])
        parameters[key] = {"type": parameter["type"], "description": text,
                           "required": bool(parameter.get("required"))}
    return {"name": name, "description": tool["descriptions"][0], "parameters": parameters}


def request(tool: dict, turn: int) -> tuple[str, dict]:
    """One filled request template and the arguments it states."""
    template = tool["queries"][turn % len(tool["queries"])]
    template = template["q"] if isinstance(template, dict) else template
    arguments = {}

    def fill(match: re.Match) -> str:
        key = match.group(1).split("|")[0].split(":")[0]
        if key not in tool["parameters"]:
            return key
        options = values(tool["parameters"][key])
        arguments[key] = options[(turn * 7 + len(arguments)) % len(options)]
        return str(arguments[key])
    return re.sub(r"\{([^{}]*)\}", fill, template), arguments


def lines() -> list[str]:
    out = []
    for domain in domains():
        tools = domain["tools"]
        for i, tool in enumerate(tools):
            name = tool["names"][i % len(tool["names"])]
            near = [flat_tool(t, t["names"][0]) for t in tools[max(0, i - 1):i + 2]]
            out.append(json.dumps(near, separators=(",", ":")))
            for turn in range(len(tool["queries"])):
                query, arguments = request(tool, turn)
                out += [query, json.dumps([{"name": name, "arguments": arguments}], separators=(",", ":"))]
    return [line for line in out if len(line.encode()) < 4192]
