"""Entity values: `Entities(rng)` draws a surface value of any entity of catalog/SPEC.md.

Lists come from own.txt (written for this project) and lists/*.txt (sources in lists/LICENSES.md); everything that has a form
rather than a list (dates, amounts, e-mail addresses, messages) is made by the modules of this package."""
from __future__ import annotations
import functools
import pathlib
import random

from . import identifiers, sentences, times, amounts

HERE = pathlib.Path(__file__).parent


@functools.lru_cache(None)
def lists() -> dict[str, tuple[list[str], list[str]]]:
    """Entity -> (own values, values of public lists)."""
    own: dict[str, list[str]] = {}
    section = None
    for line in (HERE / 'own.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith('# '):
            continue
        if line.startswith('[') and line.endswith(']'):
            section = own.setdefault(line[1:-1], [])
        elif line:
            section.extend(line.split('|'))
    out = {k: (v, []) for k, v in own.items()}
    for path in sorted((HERE / 'lists').glob('*.txt')):
        values = path.read_text(encoding='utf-8').splitlines()
        out.setdefault(path.stem, ([], []))[1].extend(v for v in values if v)
    return out


class Entities:
    """Draws values with the random generator it is given; the same seed gives the same values."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.lists = lists()

    def listed(self, entity: str) -> str:
        """A value of a list: half of the time one of our own, so that the long lists do not drown the common ones."""
        own, public = self.lists[entity]
        if own and (not public or self.rng.random() < 0.5):
            return self.rng.choice(own)
        return self.rng.choice(public)

    def draw(self, entity: str) -> str:
        maker = MAKERS.get(entity)
        return maker(self) if maker else self.listed(entity)


def _full_name(e: Entities) -> str:
    r = e.rng
    u = r.random()
    if u < 0.10:
        return r.choice(e.lists['person'][0])
    if u < 0.18:
        return r.choice(e.lists['person'][1])
    first = e.listed('first_name').capitalize()
    last = e.listed('last_name')
    if u < 0.24:
        return f"{r.choice(['Dr.', 'Dr', 'Mr.', 'Mrs.', 'Ms', 'Mr', 'Professor', 'Prof.'])} {last}"
    if u < 0.27:
        return f'{first} {chr(65 + r.randrange(26))}. {last}'
    if u < 0.29:
        return f"{first} {last}-{e.listed('last_name')}"
    return f'{first} {last}'


MAKERS = {
    'person': _full_name,
    'email': identifiers.email, 'phone': identifiers.phone, 'url': identifiers.url, 'username': identifiers.username,
    'ip_address': identifiers.ip_address, 'hostname': identifiers.hostname, 'git_branch': identifiers.git_branch,
    'repo': identifiers.repo, 'file_name': identifiers.file_name, 'folder': identifiers.folder, 'hashtag': identifiers.hashtag,
    'address': identifiers.address, 'code': identifiers.code,
    'date': times.date, 'time': times.clock_time, 'duration': times.duration, 'money': amounts.money,
    'percent': amounts.percent,
    'message_text': sentences.message, 'note_text': sentences.note, 'search_text': sentences.search,
    'todo_item': sentences.todo,
    'event_title': sentences.event_title, 'product': sentences.product,
}
