"""Tests of the data side: python3 -m unittest data.test_data (from models/)."""
from __future__ import annotations

import itertools
import json
import pathlib
import struct
import unittest

import sentencepiece

from data import catalog, phrases, public, values, whole_words
from data.entities import amounts
from data.entities.identifiers import vary_digits
from data.generator import PATH_SEPARATOR, Generator
from data.pack import Packer
from thimble import number

TOKENIZER = str(pathlib.Path(__file__).parent.parent / 'tiny' / 'tokenizer.model')


def argument(call: dict, path: str):
    value = call['arguments']
    for key in path.split(PATH_SEPARATOR):
        value = value[key]
    return value


class TestCatalog(unittest.TestCase):
    def test_held_out_templates_and_domains_are_not_trained(self):
        train, phrasings, domains = (catalog.load(s) for s in catalog.SPLITS)
        self.assertEqual({d.name for d in domains}, set(catalog.HELD_OUT_DOMAINS))
        self.assertFalse({d.name for d in train} & set(catalog.HELD_OUT_DOMAINS))
        seen = {(t.domain, t.names, x.parts) for d in train for t in d.tools for x in t.templates}
        held = {(t.domain, t.names, x.parts) for d in phrasings for t in d.tools for x in t.templates}
        self.assertGreater(len(held), 2000)
        self.assertFalse(seen & held)

    def test_implied_number_becomes_a_value_only_if_said(self):
        p = {'n': catalog._param('n', {'names': ['n'], 'type': 'integer', 'descriptions': ['N'], 'values': {'range': [1, 9]}})}
        t = catalog._template({'q': 'get a couple of them', 'fixed': {'n': 2}}, p)
        self.assertEqual([(x.text, x.constant) for x in t.parts], [('get ', None), ('a couple', 2), (' of them', None)])
        self.assertIsNone(catalog._template({'q': 'start with it', 'fixed': {'n': 1}}, p))


class TestValues(unittest.TestCase):
    @staticmethod
    def param(key: str, *texts: str) -> catalog.Param:
        return catalog._param(key, {'names': [key], 'type': 'string', 'descriptions': ['X'], 'values': list(texts)})

    def test_the_is_no_part_of_a_thing(self):
        room = self.param('room', 'the big kitchen', 'attic')
        self.assertEqual(values.split_the(room, 'the big kitchen'), ('the ', 'big kitchen'))
        self.assertEqual(values.split_the(room, 'The Loft'), ('', 'The Loft'))
        self.assertEqual(values.split_the(self.param('message', 'the tap drips'), 'the tap drips'), ('', 'the tap drips'))
        self.assertEqual(values.split_the(self.param('why', 'the bus came half an hour late'), 'the bus'), ('', 'the bus'))

    def test_no_second_the(self):
        g = Generator(1)
        room = values.Field(self.param('room', 'the kitchen'), 'room')
        self.assertEqual(g.values.fill(room, set(), 'light in ', '').pieces, [('the ', None), ('kitchen', 0)])
        self.assertEqual(g.values.fill(room, set(), 'light in the ', '').pieces, [('kitchen', 0)])


class TestGenerator(unittest.TestCase):
    def test_same_seed_same_groups(self):
        a, b = (list(itertools.islice(Generator(7), 20)) for _ in range(2))
        self.assertEqual(json.dumps(a), json.dumps(b))
        self.assertNotEqual(json.dumps(a), json.dumps(list(itertools.islice(Generator(8), 20))))

    def test_spans_are_the_values(self):
        checked = 0
        for group in itertools.islice(Generator(3), 150):
            for request in group['requests']:
                for call, spans in zip(request['calls'], request['spans'], strict=True):
                    for path, places in spans.items():
                        value = argument(call, path)
                        texts = [request['query'][a:b] for a, b in places]
                        if isinstance(value, str):
                            self.assertEqual([value], texts)
                        elif isinstance(value, list):
                            self.assertEqual(value, texts)
                        else:
                            self.assertEqual(number.to_float(number.parse(texts[0].lower())), value, texts)
                        checked += 1
        self.assertGreater(checked, 800)

    def test_grammar_allows_nearly_all(self):
        for split in catalog.SPLITS:
            packer = Packer(TOKENIZER)
            for group in itertools.islice(Generator(4, split), 100):
                packer.group(group)
            self.assertGreater(packer.packed, 700)
            self.assertLess(sum(packer.drops.values()), 0.01 * packer.packed, packer.drops)

    def test_no_call_share(self):
        requests = [r for g in itertools.islice(Generator(5), 300) for r in g['requests']]
        share = sum(not r['calls'] for r in requests) / len(requests)
        self.assertTrue(0.11 < share < 0.18, share)


class TestPhrases(unittest.TestCase):
    def test_flatten_trims_and_places(self):
        text, spans = phrases.flatten([['  set ', None], ['x y', (0, 'a', 0)], [' please ', None]])
        self.assertEqual((text, spans), ('set x y please', {(0, 'a', 0): (4, 7)}))

    def test_amounts(self):
        self.assertEqual([amounts.number_words(n) for n in (0, 21, 105, 3000)],
                         ['zero', 'twenty-one', 'one hundred five', 'three thousand'])
        self.assertEqual([amounts.ordinal_words(n) for n in (1, 20, 31)], ['first', 'twentieth', 'thirty-first'])
        for n in range(0, 10000, 7):
            self.assertEqual(number.parse(amounts.number_words(n, False, True)), (n, 0))

    def test_vary_digits_keeps_the_form(self):
        import random
        self.assertRegex(vary_digits('INV-2541', random.Random(1)), r'^INV-[1-9]\d{3}$')
        self.assertEqual(vary_digits('192.168.1.250', random.Random(1)), '192.168.1.250')


class TestWholeWords(unittest.TestCase):
    # With tiny's tokenizer: dis|arm, burn|down, xy|lo|phone, xy|lo|phones, da|em|ons|et.
    def new_pieces(self, wanted: list[str], room: int) -> list[str]:
        pieces = sentencepiece.SentencePieceProcessor(model_file=TOKENIZER)
        return [p.replace('\u2581', '_') for p in whole_words.new_pieces(pieces, wanted, room)]

    def test_joins_pieces_step_by_step_and_uses_what_is_new_already(self):
        self.assertEqual(self.new_pieces(['disarm', 'xylophone', 'xylophones'], 9),
                         ['_disarm', '_xylo', '_xylophone', '_xylophones'])

    def test_leaves_whole_words_long_ones_and_what_does_not_fit(self):
        self.assertEqual(self.new_pieces(['the', 'daemonset', 'burndown', 'xylophone', 'disarm'], 2), ['_burndown', '_disarm'])


class TestPublic(unittest.TestCase):
    def row(self, query: str, arguments: dict, parameters: dict):
        tool = {'name': 'f', 'description': 'F', 'parameters': parameters}
        return public.ground({'query': query, 'calls': [{'name': 'f', 'arguments': arguments}]}, {'f': public.definition(tool)})

    def test_grounds_text_and_numbers(self):
        out = self.row('Book two seats, Row 2 in Paris', {'city': 'paris', 'n': 2},
                       {'city': {'type': 'string'}, 'n': {'type': 'integer'}})
        self.assertEqual(out['calls'][0]['arguments'], {'city': 'Paris', 'n': 2})
        self.assertEqual(out['spans'][0], {'city': [[25, 30]], 'n': [[5, 8]]})

    def test_whole_words_only(self):
        with self.assertRaises(public.Ungrounded):
            self.row('play the carpenters', {'x': 'car'}, {'x': {'type': 'string'}})
        with self.assertRaises(public.Ungrounded):
            self.row('room 121', {'x': 12}, {'x': {'type': 'integer'}})

    def test_two_values_do_not_share_words(self):
        with self.assertRaises(public.Ungrounded):
            self.row('fly to rome', {'a': 'rome', 'b': 'rome'}, {'a': {'type': 'string'}, 'b': {'type': 'string'}})


class TestPack(unittest.TestCase):
    def test_layout(self):
        group = {'tools': [{'name': 'set_timer', 'parameters': {'type': 'object',
                                                                'properties': {'minutes': {'type': 'integer'}},
                                                                'required': ['minutes']}}],
                 'requests': [{'query': 'timer, 5 minutes', 'calls': [{'name': 'set_timer', 'arguments': {'minutes': 5}}],
                               'spans': [{'minutes': [[7, 8]]}]},
                              {'query': 'hello', 'calls': [], 'spans': []}]}
        data = Packer(TOKENIZER).group(group)
        ints = list(struct.unpack(f'<{len(data) // 4}i', data))
        take = lambda n=1: [ints.pop(0) for _ in range(n)]
        self.assertEqual(take(), [1])
        rows = take(take()[0])
        self.assertEqual(rows[0], 4)
        self.assertEqual(take(), [2])
        for kinds in ([0, 1, 2, 3, 1], [0]):
            tokens = take(take()[0])
            self.assertEqual(tokens[0], 8)
            end, found = len(tokens) + len(rows), []
            for _ in range(take()[0]):
                kind, target, weight, count = take(4)
                allowed = take(count)
                self.assertIn(target, allowed)
                self.assertTrue(all(0 <= a <= end for a in allowed))
                self.assertGreater(struct.unpack('<f', struct.pack('<i', weight))[0], 0)
                found.append(kind)
            self.assertEqual(found, kinds)
            self.assertEqual(target, end)
        self.assertEqual(ints, [])

    def test_drops_what_is_not_grounded(self):
        packer = Packer(TOKENIZER)
        group = {'tools': [{'name': 'f', 'parameters': {'type': 'object', 'properties': {'n': {'type': 'integer'}}}}],
                 'requests': [{'query': 'x five', 'calls': [{'name': 'f', 'arguments': {'n': 6}}], 'spans': [{'n': [[2, 6]]}]}]}
        self.assertEqual(packer.group(group), b'')
        self.assertEqual(dict(packer.drops), {'result differs': 1})


if __name__ == '__main__':
    unittest.main()
