"""Tests of fine-tuning but for the training itself: python3 -m unittest train.test_finetune (from models/)."""
from __future__ import annotations

import contextlib
import io
import itertools
import json
import pathlib
import struct
import tempfile
import unittest
from unittest import mock

from data import catalog, public
from data.generator import Generator
from data.pack import Packer
from thimble import export, safetensors, schema
from train import finetune
from train.finetune_rows import FinetuneError, Groups, ground, ground_rows, read_rows

TOKENIZER = str(finetune.TINY / 'tokenizer.model')
TOOLS = [{'name': 'move_piece', 'description': 'Note where a piece stands', 'parameters': {
              'type': 'object', 'required': ['piece'], 'properties': {
                  'piece': {'type': 'string'},
                  'place': {'type': 'object', 'properties': {'shelf': {'type': 'integer'}, 'side': {'enum': ['left', 'right']}}},
                  'marks': {'type': 'array', 'items': {'type': 'string', 'enum': ['raw', 'wet', 'sold']}}}}},
         {'type': 'function', 'function': {'name': 'fire_kiln', 'parameters': {'kiln': 'string', 'now': 'boolean'}}}]


def row(query: str, *calls: tuple[str, dict], **more) -> dict:
    return {'query': query, 'calls': [{'name': n, 'arguments': a} for n, a in calls], **more}


def nine_rows() -> list[dict]:
    rows = [row(f'put bowl{i} on {i}', ('move_piece', {'piece': f'bowl{i}', 'place': {'shelf': i}})) for i in range(2, 9)]
    rows += [row('fire up Olaf now', ('fire_kiln', {'kiln': 'Olaf', 'now': True})), row('what is the weather like')]
    rows[0]['tools'] = TOOLS
    return rows


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def file(self, content: bytes | list, name: str = 'mine.jsonl') -> pathlib.Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else '\n'.join(map(json.dumps, content)).encode())
        return path


class TestRows(Folder):
    def test_broken_files_are_errors_with_a_line(self):
        good = json.dumps(row('hi', tools=TOOLS)).encode()
        for code, bad in (('E_JSON', b'{"query": "x", '), ('E_JSON', b'\xff\xfe'), ('E_JSON', b'[' * 100000),
                          ('E_JSON', b'{"query": "x", "calls": [], "n": NaN}'), ('E_JSON', b'{"query": "\\ud800", "calls": []}'),
                          ('E_JSON', b'{"query": "x", "calls": [], "n": ' + b'9' * 5000 + b'}'),
                          ('E_ROW', b'[]'), ('E_ROW', b'{"query": " ", "calls": []}'), ('E_ROW', b'{"query": 3, "calls": []}'),
                          ('E_ROW', b'{"query": "x"}'), ('E_ROW', b'{"query": "x", "calls": [{"name": "a"}]}'),
                          ('E_ROW', b'{"query": "x", "calls": [], "tools": [1]}'), ('E_ROW', b'{"query": "x", "calls": [], "split": 1}'),
                          ('E_ROW', b' {"q": "' + b'x' * (1 << 20) + b'"}')):
            with self.subTest(bad[:40]), self.assertRaises(FinetuneError) as caught:
                read_rows(self.file(good + b'\n' + bad + b'\n'))
            self.assertEqual(caught.exception.code, code, caught.exception)
            self.assertIn('line 2', str(caught.exception))
        with self.assertRaises(FinetuneError) as caught:
            read_rows(self.file(b'{"query": "no tools yet", "calls": []}'))
        self.assertEqual(caught.exception.code, 'E_ROW')
        with self.assertRaises(FinetuneError) as caught:
            read_rows(self.folder / 'none.jsonl')
        self.assertEqual(caught.exception.code, 'E_FILE')

    def test_what_cannot_be_taught_is_left_out_with_line_and_reason(self):
        rows = [row('put it on 3', ('move_piece', {'piece': 'the vase'}), tools=TOOLS),
                row('put the vase on 3', ('move_piece', {'piece': 'the vase', 'place': {'shelf': 4}})),
                row('fire it', ('heat', {})),
                row('fire Olaf', ('fire_kiln', {'kiln': 'Olaf', 'cone': '6'})),
                row('fire Olaf', ('fire_kiln', {'kiln': 'Olaf', 'now': 1})),
                row('the vase, wet', ('move_piece', {'piece': 'vase', 'marks': 'wet'})),
                row('just move it', ('move_piece', {})),
                row('put the vase on 3', ('move_piece', {'piece': 'the vase'})),
                row('hi', tools=[{'name': 'x', 'parameters': {'a': {'type': 'wave'}}}])]
        good, left_out = ground_rows(read_rows(self.file(rows)), Packer(TOKENIZER))
        self.assertEqual([r.line for r in good], [8])
        self.assertEqual([line for line, _ in left_out], [1, 2, 3, 4, 5, 6, 7, 9])
        for (_, reason), part in zip(left_out, ('text not in', 'number not in', 'heat', 'cone', 'not a value', 'a list', 'do not allow',
                                                'wave')):
            self.assertIn(part, reason)

    def test_ground_nested_enum_lists_and_shared_words(self):
        tools = schema.normalise(TOOLS)
        calls = [{'name': 'move_piece', 'arguments': {'piece': 'moon JAR', 'marks': ['raw', 'sold'],
                                                      'place': {'shelf': 12, 'side': 'left'}}}]
        request = ground('Moon Jar, raw and sold, left on twelve', calls, tools)
        self.assertEqual(request['calls'], [{'name': 'move_piece', 'arguments': {
            'piece': 'Moon Jar', 'marks': ['raw', 'sold'], 'place': {'shelf': 12, 'side': 'left'}}}])
        self.assertEqual(request['spans'], [{'piece': [[0, 8]], 'place\x1fshelf': [[32, 38]]}])
        twice = [{'name': 'move_piece', 'arguments': {'piece': 'jar'}}, {'name': 'fire_kiln', 'arguments': {'kiln': 'jar'}}]
        self.assertEqual([s[k] for s, k in zip(ground('the jar', twice, tools)['spans'], ('piece', 'kiln'))], [[[4, 7]]] * 2)
        with self.assertRaises(public.Ungrounded):
            ground('the pot', twice, tools)


class TestGroups(Folder):
    def test_groups_pack_and_cover_all_rows_among_distractors(self):
        packer = Packer(TOKENIZER)
        rows, left_out = ground_rows(read_rows(self.file(nine_rows())), packer)
        self.assertFalse(left_out)
        self.assertEqual(len(rows), 9)
        groups = Groups(rows, iter(Generator(1)), 1)
        made = list(itertools.islice(groups, 40))
        own = {'move_piece', 'fire_kiln'}
        seen, lists = set(), set()
        for group in made:
            names = [t.get('function', t)['name'] for t in group['tools']]
            self.assertEqual(len(names), len(set(names)))
            self.assertLessEqual(len(group['requests']), 8)
            lists.add(tuple(sorted(names)))
            for request in group['requests']:
                self.assertLessEqual({c['name'] for c in request['calls']}, set(names))
                if request['kind'] == 'own':
                    seen.add(request['query'])
            self.assertTrue(own & set(names))
            self.assertTrue(packer.group(group))
        self.assertEqual(seen, {r.query for r in rows})
        self.assertGreater(len(lists), 10)
        self.assertFalse(packer.drops)

    def test_catalog_file_alone_gives_its_domain_in_every_list(self):
        path = next(p for p in sorted(catalog.HERE.glob('domains*/*.json')) if p.stem == catalog.HELD_OUT_DOMAINS[0])
        domain = finetune.read_catalog(path)
        wanted = {n for t in domain.tools for n in t.names}
        before = json.dumps(list(itertools.islice(Generator(5), 3)))
        hits = 0
        generator = Generator(5, own=[domain])
        for _ in range(30):
            tools = generator.pick_tools(4, 'mixed')
            self.assertTrue(any(t.domain == domain.name for t in tools))
            hits += any(set(t.names) & wanted for t in tools)
        self.assertEqual(hits, 30)
        self.assertEqual(before, json.dumps(list(itertools.islice(Generator(5), 3))))        # nothing shared was changed
        self.assertNotIn(domain.name, {d.name for d in catalog.load('train')})

    def test_broken_catalog_files(self):
        for content in (b'[]', b'{}', b'{"domain": "x", "tools": [], "no_tool": ["a"]}', b'{"domain": "x", "tools": [{}]}', b'{',
                        b'[' * 100000, b'\xff'):
            with self.subTest(content[:40]), self.assertRaises(FinetuneError) as caught:
                finetune.read_catalog(self.file(content, 'mine.json'))
            self.assertEqual(caught.exception.code, 'E_CATALOG')


class TestProgram(Folder):
    def run_main(self, *arguments) -> tuple[int, str]:
        error = io.StringIO()
        with mock.patch('sys.argv', ['finetune', *map(str, arguments)]), contextlib.redirect_stderr(error), \
                contextlib.redirect_stdout(io.StringIO()):
            return finetune.main(), error.getvalue()

    def test_errors_leave_no_output(self):
        out = self.folder / 'out'
        mine = self.file(nine_rows())
        model = finetune.TINY / 'model.safetensors'
        rubbish = self.file(struct.pack('<Q', 1 << 40) + b'{}', 'rubbish.safetensors')
        cut = self.file(model.read_bytes()[:-1], 'cut.safetensors')
        for start in (rubbish, cut, self.folder / 'none'):
            code, error = self.run_main(mine, '--start', start, '--out', out)
            self.assertEqual(code, 1)
            self.assertIn('E_START', error)
        code, error = self.run_main(self.file(nine_rows()[:5], 'few.jsonl'), '--out', out)
        self.assertIn('E_NO_ROWS', error)
        with mock.patch('train.finetune.LEAST_OWN', 16):
            code, error = self.run_main(mine, '--out', out, '--examples', 32, '--trainer', self.folder / 'none')
        self.assertIn('E_TRAINER', error)
        self.assertEqual(code, 1)
        self.assertFalse([p.name for p in self.folder.iterdir() if 'out' in p.name])

    def test_a_model_file_gives_weights_that_export_to_the_same_file(self):
        model = finetune.TINY / 'model.safetensors'
        tensors, metadata = finetune.read_start(model)
        self.assertEqual({str(t.dtype) for t in tensors.values()}, {'float32'})
        safetensors.write(self.folder / 'again', export.export(tensors, metadata), metadata)
        self.assertEqual((self.folder / 'again').read_bytes(), model.read_bytes())

    def test_pack_three_parts_replay_to_one_own(self):
        packer = Packer(TOKENIZER)
        rows, _ = ground_rows(read_rows(self.file(nine_rows())), packer)
        packer.packed = 0
        with contextlib.redirect_stdout(io.StringIO()):
            own = finetune.pack(self.folder, rows, [], 40, 60, packer)
        self.assertTrue(40 <= own < 48, own)
        self.assertTrue(4 * own <= packer.packed < 4 * own + 8, packer.packed)
        self.assertTrue((self.folder / 'own.bin').stat().st_size and (self.folder / 'replay.bin').stat().st_size)

    def test_rate(self):
        self.assertEqual(finetune.rate_of('x | 12 ex/s | lr\nx | 345 ex/s | lr'), 345)
        self.assertEqual(finetune.rate_of(''), 1)


if __name__ == '__main__':
    unittest.main()
