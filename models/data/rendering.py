"""Turns catalog tools into tool definitions as a caller would write them: names, styles, descriptions, JSON Schema."""
from __future__ import annotations

import random
import re
from dataclasses import dataclass

from thimble.text import words
from .catalog import CatalogTool, Template
from .values import Field

MASK_WORDS = ('tool', 'func', 'action', 'op', 'cmd', 'fn', 'api', 'method', 'task', 'service', 'endpoint', 'skill', 'xq',
              'foo', 'bar', 'zeta', 'handler')
MASK_PARAMS = ('arg', 'param', 'p', 'x', 'input', 'field', 'value', 'a', 'opt', 'data')
NAMESPACES = ('mcp', 'api', 'v1', 'v2', 'my', 'app', 'user', 'default', 'internal', 'server')
NOISE_PARAMS = (
    ('verbose', {'type': 'boolean', 'description': 'Print more details'}),
    ('dry_run', {'type': 'boolean', 'description': 'Only simulate'}),
    ('request_id', {'type': 'string', 'description': 'Identifier for tracing'}),
    ('timeout', {'type': 'integer', 'description': 'Seconds before giving up'}),
    ('locale', {'type': 'string', 'description': 'Locale of the answer, such as en-US'}),
    ('output_format', {'type': 'string', 'enum': ['json', 'csv', 'text']}),
    ('page_token', {'type': 'string'}), ('api_version', {'type': 'string', 'description': 'API version'}),
    ('retries', {'type': 'integer'}),
    ('callback_url', {'type': 'string', 'description': 'URL to notify when done'}),
    ('async', {'type': 'boolean', 'description': 'Return at once'}),
    ('session_id', {'type': 'string', 'description': 'Session'}), ('workspace_id', {'type': 'string'}),
    ('priority_boost', {'type': 'number'}),
    ('include_metadata', {'type': 'boolean', 'description': 'Whether to return metadata'}),
    ('trace', {'type': 'string', 'enum': ['on', 'off']}))
NEST_KEYS = ('options', 'params', 'details', 'data', 'input', 'request', 'settings', 'config', 'body', 'filters')


@dataclass
class Style:
    """Choices that hold for a whole tool list."""
    masked: bool = False
    no_descriptions: bool = False
    param_descriptions: float = 0.7
    case: str = 'as is'


@dataclass
class Rendered:
    tool: CatalogTool
    definition: dict
    fields: dict[str, Field]          # slot key -> argument
    paths: dict[str, tuple[str, ...]]  # slot key -> keys to the argument
    templates: list[Template]


def style(rng: random.Random) -> Style:
    u = rng.random()
    return Style(masked=u < 0.05, no_descriptions=0.05 <= u < 0.12, param_descriptions=rng.choice([0.0, 0.5, 0.8, 1.0, 1.0]),
                 case=rng.choice(['as is', 'as is', 'as is', 'as is', 'snake', 'camel', 'kebab', 'dotted', 'pascal', 'space']))


def restyle(name: str, case: str) -> str:
    parts = words(name).split()
    if case == 'as is' or not parts:
        return name
    if case == 'camel':
        return parts[0] + ''.join(w.capitalize() for w in parts[1:])
    if case == 'pascal':
        return ''.join(w.capitalize() for w in parts)
    return {'snake': '_', 'kebab': '-', 'dotted': '.', 'space': ' '}[case].join(parts)


def _mask(rng: random.Random) -> str:
    u = rng.random()
    if u < 0.3:
        return ''.join(rng.choice('bcdfghjklmnpqrstvwxz' if i % 2 == 0 else 'aeiou') for i in range(rng.randint(3, 7)))
    tail = rng.choice('abcdefghjkmnpqrsuvwxyz') if rng.random() < 0.4 else ''
    return rng.choice(MASK_WORDS) + rng.choice(['_', '', '-',
                                                '.']) + tail + (str(rng.randint(1,
                                                                                99)) if not tail or rng.random() < 0.5 else '')


def _abbreviate(name: str) -> str:
    return '_'.join(w if len(w) < 4 else w[0] + re.sub('[aeiou]', '', w[1:]) for w in words(name).split())


def _tool_name(rng: random.Random, tool: CatalogTool, st: Style) -> str:
    name = restyle(rng.choice(tool.names), st.case if rng.random() < 0.9 else rng.choice(['snake', 'camel']))
    u = rng.random()
    if u < 0.02:
        return _abbreviate(name)
    if u < 0.07:
        prefix = rng.choice(NAMESPACES + (tool.domain.split('_')[0],) * 6)
        return prefix + ('__' if prefix == 'mcp' else rng.choice('_.-_')) + name
    return name


def _description(rng: random.Random, texts: tuple[str, ...]) -> str:
    text = rng.choice(texts)
    u = rng.random()
    if u < 0.06 and len(texts) > 1:
        other = rng.choice([t for t in texts if t is not text])
        text = text.rstrip('.') + '. ' + other
    elif u < 0.25:
        text = text.rstrip('.') + '.'
    elif u < 0.32 and text[1:2].islower():
        text = text[0].lower() + text[1:]
    elif u < 0.35:
        text = rng.choice(['Use this to ', 'Call this when the user wants to ', 'Tool: ', 'Can ',
                           'A function to ']) + text[0].lower() + text[1:]
    return text


def _schema(rng: random.Random, field: Field, described: bool) -> dict:
    p = field.param
    out: dict = {'type': p.type}
    if p.type == 'array':
        out['items'] = {'type': 'string', 'enum': list(p.data)} if p.source == 'enum' else {'type': 'string'}
    elif p.source == 'enum':
        out['enum'] = list(p.data)
        if rng.random() < 0.15:
            rng.shuffle(out['enum'])
    elif field.choices is not None:
        out['enum'] = list(field.choices)
    elif p.type == 'integer' and rng.random() < 0.08:
        out['type'] = 'number'
    elif p.type in ('integer', 'number') and p.source == 'range' and rng.random() < 0.12:
        out['minimum'], out['maximum'] = p.data[0], p.data[1]
    if described:
        out['description'] = rng.choice(p.descriptions)
        if rng.random() < 0.06 and p.source == 'values' and p.type != 'array':
            example = f"{rng.choice(['e.g.', 'for example', 'such as', 'like'])} {rng.choice(p.data)}"
            out['description'] = out['description'].rstrip('.') + ', ' + example
    return out


def _choices(rng: random.Random, p) -> list[str] | None:
    """Now and then a free-text argument with few short values is shown as an enum of some of them."""
    if p.type != 'string' or p.source != 'values' or rng.random() > 0.05:
        return None
    short = [v for v in dict.fromkeys(map(str, p.data)) if len(v) <= 24 and v.strip() == v]
    return rng.sample(short, rng.randint(3, min(9, len(short)))) if len(short) >= 6 else None


def render(rng: random.Random, tool: CatalogTool, st: Style) -> Rendered:
    """One tool definition and the templates that it can serve; at least one stays usable."""
    kept = dict(tool.params)
    for key, p in tool.params.items():
        if not p.required and rng.random() < 0.2:
            left = {k for k in kept if k != key}
            if sum(t.used <= left for t in tool.templates) >= min(3, len(tool.templates)):
                del kept[key]
    templates = [t for t in tool.templates if t.used <= set(kept)]
    masked = st.masked or rng.random() < 0.02
    fields, taken = {}, set()
    mask_params = masked and rng.random() < 0.6
    param_case = st.case if st.case in ('camel', 'kebab', 'snake') and rng.random() < 0.8 else 'as is'
    order = list(kept)
    if rng.random() < 0.3:
        rng.shuffle(order)
    for number, key in enumerate(order, 1):
        p = kept[key]
        name = restyle(rng.choice(p.names), param_case)
        if mask_params:
            name = rng.choice(MASK_PARAMS) + str(number)
        if words(name) in taken:
            name = key
        while words(name) in taken:
            name += '_2'
        taken.add(words(name))
        fields[key] = Field(p, name, tool.domain, _choices(rng, p))
    described = mask_params or rng.random() < st.param_descriptions
    properties = {f.name: _schema(rng, f, described and (mask_params or rng.random() < 0.92)) for f in fields.values()}
    required = [f.name for k, f in fields.items() if f.param.required and rng.random() > 0.05]
    paths = {k: (f.name,) for k, f in fields.items()}
    if rng.random() < 0.05:
        name, schema = rng.choice(NOISE_PARAMS)
        if words(name) not in taken:
            properties[name] = dict(schema)
    parameters = {'type': 'object', 'properties': properties, 'required': required}
    if len(fields) >= 2 and rng.random() < 0.03:
        parameters, paths = _nest(rng, parameters, fields)
    definition = {'name': _mask(rng) if masked else _tool_name(rng, tool, st), 'parameters': parameters}
    if masked or not (st.no_descriptions or rng.random() < 0.03):
        definition['description'] = _description(rng, tool.descriptions)
    return Rendered(tool, definition, fields, paths, templates)


def _nest(rng: random.Random, parameters: dict, fields: dict[str, Field]):
    """Moves some or all arguments into one object, which is required if any of them is."""
    outer = rng.choice(NEST_KEYS)
    inside = [k for k in fields if rng.random() < 0.6] or list(fields)
    names = {fields[k].name for k in inside}
    if outer in parameters['properties']:
        return parameters, {k: (f.name,) for k, f in fields.items()}
    inner_required = [n for n in parameters['required'] if n in names]
    inner = {'type': 'object', 'properties': {n: s for n, s in parameters['properties'].items() if n in names},
             'required': inner_required}
    properties = {n: s for n, s in parameters['properties'].items() if n not in names}
    properties[outer] = inner
    required = [n for n in parameters['required'] if n not in names] + ([outer] if inner_required else [])
    paths = {k: (outer, f.name) if k in inside else (f.name,) for k, f in fields.items()}
    return {'type': 'object', 'properties': properties, 'required': required}, paths
