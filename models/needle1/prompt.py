"""What goes into Needle 1 and what comes out, as text: tools, names, input ids, calls.

    text, names = normalise_tools('[{"name":"getWeather"}]')      '[{"name":"get_weather"}]', {..}
    ids = input_ids(tokens, "rain in Oslo?", text)
    answer = restore(tokens.decode(output), names)
"""

import json
import re

from .tokenizer import TOOLS, Tokenizer

MAX_INPUT = 1024


class ToolsError(ValueError):
    """A tool list on which the original program stops."""


def snake_case(name: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"_+", "_", name).lower().strip("_")


def dump(value: object) -> str:
    """Compact, key order kept, everything outside U+0020..U+007E escaped."""
    return json.dumps(value, separators=(",", ":"))


def normalise_tools(text: str) -> tuple[str, dict[str, str]]:
    """The tools as the model reads them, and its names of them -> the caller's.

    Text that is no JSON stays as it is. Raises ToolsError for a number, boolean or null in place of
    the list and for a name that is no string."""
    try:
        tools = json.loads(text)
    except ValueError:
        return text, {}
    if tools is None or isinstance(tools, (bool, int, float)):
        raise ToolsError("the tools are no list")
    names: dict[str, str] = {}
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, dict) and "name" in tool:
            if not isinstance(tool["name"], str):
                raise ToolsError("a tool's name is no string")
            snake = snake_case(tool["name"])
            names[snake] = tool["name"]
            tool["name"] = snake
    return dump(tools), names


def input_ids(tokens: Tokenizer, query: str, tools: str, limit: int = MAX_INPUT) -> list[int]:
    """query + <tools> + tools: the query cut at limit - 2, the tools at what is left."""
    head = tokens.encode(query)[:limit - 2]
    return head + [TOOLS] + tokens.encode(tools)[:limit - len(head) - 1]


def restore(text: str, names: dict[str, str]) -> str:
    """Cuts the leading <tool_call> and puts the caller's names back.

    A name that snake case leaves empty is not replaced in text that is no JSON (the original
    program would put it between all characters)."""
    text = text.removeprefix("<tool_call>")
    if not names:
        return text
    try:
        calls = json.loads(text)
    except ValueError:
        for snake, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(snake, name) if snake else text
        return text
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict) and isinstance(call.get("name"), str):
            call["name"] = names.get(call["name"], call["name"])
    return dump(calls)
