"""Needle 1's own constraint: tool names and argument keys come from the tool list.

    guide = Constraint(texts, normalised_tools)       texts = Tokenizer.token_texts()
    mask = guide.mask()                               None, or a bool per id: what may come next
    guide.feed(token)

Everything here, oddities too, is what the original program does; nothing else of the JSON is checked.
"""

import json

import numpy as np

FREE, IN_NAME, IN_KEY = range(3)


class Machine:
    """Follows the text written so far, character by character."""

    def __init__(self) -> None:
        self.state = FREE
        self.out = self.span = self.function = ""
        self.in_arguments = self.in_string = self.escaped = False
        self.depth = self.arguments_depth = 0

    def feed(self, text: str) -> None:
        for c in text:
            self._feed(c)

    def _feed(self, c: str) -> None:
        self.out += c
        if self.state != FREE:
            self._in_span(c)
        elif self.in_string:
            self._in_string(c)
        elif c in "}]":
            self.depth = max(0, self.depth - 1)
            if c == "}" and self.depth < self.arguments_depth:
                self.in_arguments = False
        else:
            self.depth += c in "{["
            self._open(c)

    def _in_span(self, c: str) -> None:
        if c != '"':
            self.span += c
            return
        if self.state == IN_NAME:
            self.function = self.span
        self.span, self.state = "", FREE

    def _in_string(self, c: str) -> None:
        if self.escaped:
            self.escaped = False
        elif c == "\\":
            self.escaped = True
        elif c == '"':
            self.in_string = False

    def _open(self, c: str) -> None:
        if self.out.endswith('"name":"') and not self.in_arguments:
            self.state, self.span = IN_NAME, ""
        elif self.out.endswith('"arguments":{'):
            self.in_arguments, self.arguments_depth = True, self.depth
        elif (self.in_arguments and self.depth == self.arguments_depth
              and self.out.endswith(('{"', ',"'))):
            self.state, self.span = IN_KEY, ""
        elif c == '"' and self.out[:-1].rstrip(" \t\n\r").endswith(":"):
            self.in_string = True      # so strings inside arrays are not followed


class Trie:
    def __init__(self, words: list[str]):
        self.words = set(words)
        self.prefixes = {word[:i] for word in words for i in range(len(word) + 1)}

    def allows(self, span: str, text: str) -> bool:
        """May a token of this text follow `span`? Past a closing quote nothing is checked."""
        head, quote, _ = text.partition('"')
        return bool(text) and span + head in (self.words if quote else self.prefixes)


class Constraint:
    def __init__(self, texts: list[str], tools: str):
        """`tools` as the model reads them (names already in snake case)."""
        self.texts, self.machine = texts, Machine()
        try:
            parsed = json.loads(tools)
        except ValueError:
            parsed = []
        entries = [tool for tool in parsed if isinstance(tool, dict) and tool.get("name")] \
            if isinstance(parsed, list) else []
        self.names = Trie([tool["name"] for tool in entries])
        self.keys: dict[str, Trie] = {}
        for tool in entries:
            parameters = tool.get("parameters", {})
            if isinstance(parameters, dict):
                keys = [key for key, value in parameters.items() if key and isinstance(value, dict)]
                self.keys[tool["name"]] = Trie(keys)

    def mask(self) -> np.ndarray | None:
        machine = self.machine
        if machine.state == FREE:
            return None
        trie = self.names if machine.state == IN_NAME else self.keys.get(machine.function)
        if trie is None or machine.span not in trie.prefixes:
            return None
        allowed = np.array([trie.allows(machine.span, text) for text in self.texts])
        return allowed if allowed.any() else None

    def feed(self, token: int) -> None:
        self.machine.feed(self.texts[token])
