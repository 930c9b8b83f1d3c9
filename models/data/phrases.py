"""Joins requests and distorts them, with every value's place known throughout.

A request under work is a list of pieces [text, tag]; tag is None for words that are no value, else (call, argument, item).
Distortions edit untagged pieces; only the letter case of tagged ones is ever changed."""
from __future__ import annotations

import random
import re

Piece = list  # [text, tag]

JOINS = (' and ', ' and ', ' and ', ' and then ', ', then ', ', and ', '. Also, ', '. Also ', '. ', '. ', '; ', ', also ',
         '. After that, ', ' after that ',
         ' plus ', ', oh and ', '. And ', ' and also ', '. Then ', '. Next, ', ', and when that is done ', '\n', '\n- ',
         ' as well as ', ', and please ',
         '. Oh, and ', ' + ', '... and ', ' & ', ', plus ', '. Once done, ', ' and while you\'re at it ', ' then ',
         '. Finally, ', '. Second, ', ', ')
CLEAR_JOINS = ('. Also, ', '. ', '. ', '; ', '. After that, ', '\n', '\n- ', '. Then ', ', then ', '. And ', ' and then ',
               ', and also ')
PREFIXES = ('hey, ', 'hey ', 'hi, ', 'hi! ', 'hello, ', 'please ', 'pls ', 'ok so ', 'okay, ', 'um, ', 'uh ', 'so ',
            'alright, ', 'quick one: ', 'Could you please ',
            'could you ', 'can you ', 'can you please ', 'would you mind, ', 'I need you to ', 'I want you to ',
            "I'd like you to ", 'kindly ', 'yo ', 'hmm, ',
            'right, ', 'listen, ', 'when you have a moment, ', 'if possible, ', 'quickly ', 'just ', 'now ', 'next up: ',
            'one more thing: ', 'also, ',
            'sorry to bother you, ', 'hey assistant, ', 'ok google, ', 'computer, ', 'assistant: ', 'let\'s see, ', 'well, ',
            'good morning, ', 'Hi there! ',
            'for me, ', 'erm ', 'you know what, ', 'as discussed, ', 'first things first, ', 'TODO: ', '> ', '- ', 'yeah ',
            'go ahead and ')
_BEFORE_VERB = re.compile(r"(?i)(could|can|I need you|I want you|I'd|kindly|please|pls|quickly|just|go ahead)")
VERB_PREFIXES = frozenset(p for p in PREFIXES if _BEFORE_VERB.match(p))
SUFFIXES = (' please', ' please', ', please', ' pls', ' thanks', ', thanks', ' thank you', ', thank you!', ' asap',
            ' if you can', ' for me', ' right away', ' now',
            ' will you', ', ok?', ', would you?', ', cheers', ' ty', ' thx', ', much appreciated', ' when you get a chance',
            ', you know', ' real quick', ', got it?',
            '. Thanks!', '. Thank you.', '. That would be great.', '. No rush.', '. Cheers', '. It\'s urgent.',
            '. That\'s all.', '. I owe you one.', ' :)', '!!', '...')
REASONS_BEFORE = ('I just got home', "I'm in a hurry", "I'm a bit lost here", 'my hands are full', "I'm about to leave",
                  'the boss is asking', 'I nearly forgot',
                  "it's been a long day", "we're running out of time", 'I have company', "I can't do it myself right now",
                  'the kids keep asking', "I've been meaning to do this",
                  "I'm on the phone", "it's that time again", 'my partner reminded me', "I promised I'd get to it",
                  "we've got a deadline", "I'm new to this",
                  'I changed my mind', "I'm sitting in the car", 'last thing for today', 'I woke up late',
                  "I don't have my glasses on", "there's a lot going on",
                  'the team is waiting', 'as you can imagine', 'before I forget', "I'm tired of doing this by hand",
                  'our client just called', 'this is important')
REASONS_AFTER = ("because I'm in a hurry", "since I won't have time later", 'so that I can relax', 'so I can get back to work',
                 "because I keep forgetting", 'before I forget',
                 "as I'm about to leave", 'so everyone is happy', "because that's what we agreed", "since you're at it",
                 "because the old one was wrong", 'it matters a lot to me',
                 "I can't do it from here", "I've been putting it off", 'so we can move on', "because my boss wants it",
                 'the sooner the better', 'I really need it',
                 "as we discussed yesterday", "otherwise I'll forget", "it's for a friend", 'just to be safe',
                 "since nobody else will")
CORRECTIONS_INLINE = (', no wait, ', ', sorry, ', ' no, ', ', actually ', ' -- I mean ', ' uh no ', ', scratch that, ',
                      ', I mean ', ' no sorry ', '... no, ', ', or rather ',
                      ' wait no ', ', hmm, make that ', ' oh wait ')
CORRECTIONS_END = ('. No wait, make it ', ', actually make that ', ', oh sorry, I meant ', '. Correction: ', ' hmm no, ',
                   '. Wait, I meant ', ' -- no, make it ', ', no actually ',
                   '. Sorry, ', ' wait no ', '. Actually, ', ', let\'s say ', '. Hold on, rather ')
SHORT_FORMS = ((r'\bplease\b', 'plz'), (r'\byou\b', 'u'), (r'\byour\b', 'ur'), (r'\bwant to\b', 'wanna'),
               (r'\bgoing to\b', 'gonna'), (r"\bwhat's\b", 'whats'),
               (r"\bI'm\b", 'im'), (r"\bdon't\b", 'dont'), (r'\bare\b', 'r'), (r"\bcan't\b", 'cant'), (r'\bbecause\b', 'cuz'),
               (r"\bit's\b", 'its'), (r'\bthe\b', 'teh'),
               (r'\band\b', '&'), (r"\blet's\b", 'lets'), (r'\bthanks\b', 'thx'), (r'\bwith\b', 'w/'), (r'\babout\b', 'abt'))
FILLERS = ('um', 'uh', 'like', 'you know', 'er', 'well', 'uhm', 'I guess', 'basically')
NEIGHBOURS = {'a': 's', 'b': 'v', 'c': 'x', 'd': 'f', 'e': 'r', 'f': 'g', 'g': 'h', 'h': 'j', 'i': 'o', 'j': 'k', 'k': 'l',
              'l': 'k', 'm': 'n', 'n': 'm', 'o': 'p',
              'p': 'o', 'q': 'w', 'r': 't', 's': 'd', 't': 'y', 'u': 'i', 'v': 'b', 'w': 'e', 'x': 'c', 'y': 'u', 'z': 'x'}
_WORD = re.compile(r'[A-Za-z]{4,}')


def decapitalise(pieces: list[Piece]) -> None:
    """Lower-cases the first letter of a request that now stands within a sentence ('I', acronyms and names stay)."""
    text, tag = pieces[0]
    if tag is None and re.match(r"[A-Z]([a-z]|\s)", text) and not re.match(r'I\b', text):
        pieces[0] = [text[0].lower() + text[1:], tag]


def strip_end(pieces: list[Piece], marks: str = '.!? ') -> None:
    """Takes closing punctuation off a request if it stands in words that are no value."""
    if pieces[-1][1] is None:
        stripped = pieces[-1][0].rstrip(marks)
        if stripped or len(pieces) == 1:
            pieces[-1] = [stripped or pieces[-1][0], None]
        else:
            pieces.pop()


def join(rng: random.Random, requests: list[list[Piece]]) -> list[Piece]:
    """Several requests as one; a request that ends in free text gets a joint that shows where it ends."""
    out = [list(p) for p in requests[0]]
    style = rng.choice(JOINS) if rng.random() < 0.3 else None
    for number, request in enumerate(requests[1:], 2):
        free_end = out[-1][1] is not None and ' ' in out[-1][0].strip()
        joint = style or rng.choice(CLEAR_JOINS if free_end and rng.random() < 0.7 else JOINS)
        if joint in (' and ', ', and ', ' plus ') and number < len(requests) and rng.random() < 0.6:
            joint = ', '
        following = [list(p) for p in request]
        if joint == '. Second, ' and number != 2:
            joint = '. '
        if not joint.startswith(('\n', '. ')) or rng.random() < 0.4:
            strip_end(out)
        elif out[-1][1] is None and out[-1][0].endswith(('.', '!', '?')) and joint.startswith('.'):
            joint = joint[1:]
        if not joint.endswith(('. ', '\n', '\n- ')) or rng.random() < 0.3:
            decapitalise(following)
        elif rng.random() < 0.5 and following[0][1] is None and following[0][0][:1].islower():
            following[0] = [following[0][0][0].upper() + following[0][0][1:], None]
        out += [[joint, None]] + following
    if '\n- ' == style and rng.random() < 0.7:
        out.insert(0, ['- ', None])
    return out


def _typo(rng: random.Random, word: str) -> str:
    i = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.35:
        return word[:i] + word[i + 1:]
    if kind < 0.65:
        return word[:i] + word[i + 1] + word[i] + word[i + 2:]
    if kind < 0.8:
        return word[:i] + word[i] + word[i:]
    return word[:i] + NEIGHBOURS.get(word[i].lower(), word[i]) + word[i + 1:]


def typos(rng: random.Random, pieces: list[Piece], count: int) -> None:
    """Mistypes up to `count` words that are no value."""
    for _ in range(count):
        i = rng.randrange(len(pieces))
        text, tag = pieces[i]
        found = list(_WORD.finditer(text)) if tag is None else []
        if found:
            m = rng.choice(found)
            pieces[i] = [text[:m.start()] + _typo(rng, m[0]) + text[m.end():], None]


def short_forms(rng: random.Random, pieces: list[Piece]) -> None:
    for pattern, short in rng.sample(SHORT_FORMS, 7):
        for i, (text, tag) in enumerate(pieces):
            if tag is None:
                pieces[i] = [re.sub(pattern, short, text, flags=re.I), None]


def fillers(rng: random.Random, pieces: list[Piece]) -> None:
    """Hesitations between words."""
    for i, (text, tag) in enumerate(pieces):
        spaces = [m.start() for m in re.finditer(' ', text)] if tag is None else []
        if spaces and rng.random() < 0.4:
            at = rng.choice(spaces)
            pieces[i] = [text[:at] + ' ' + rng.choice(FILLERS) + text[at:], None]


def surround(rng: random.Random, pieces: list[Piece], noise: float) -> None:
    """Polite or chatty words, reasons before and after."""
    if rng.random() < 0.10 * noise:
        first = pieces[0][0].split(' ')[0].lower() if pieces[0][1] is None else ''
        question = first in ('what', "what's", 'how', 'when', 'where', 'who', 'is', 'are', 'do', 'does', 'did', 'can', 'could',
                             'will', 'would', 'why', 'which', 'any',
                             'i', "i'm", "i'd", 'my', 'it', "it's", 'please', 'we', 'there', 'hey', 'hi')
        prefix = rng.choice(PREFIXES)
        if not (question and prefix in VERB_PREFIXES):
            if not prefix.endswith(('! ', '> ', '- ')) or rng.random() < 0.5:
                decapitalise(pieces)
            pieces.insert(0, [prefix, None])
    if rng.random() < 0.05 * noise:
        reason = rng.choice(REASONS_BEFORE)
        joint = rng.choice([', ', '. ', ' so ', ', so ', ' - ', '; '])
        if joint != '. ':
            decapitalise(pieces)
        pieces.insert(0, [reason + joint, None])
    if rng.random() < 0.08 * noise:
        suffix = rng.choice(SUFFIXES)
        strip_end(pieces)
        pieces.append([suffix, None])
    if rng.random() < 0.04 * noise:
        strip_end(pieces)
        pieces.append([rng.choice([' ', ', ', '. ', ' ']) + rng.choice(REASONS_AFTER), None])


def finish(rng: random.Random, pieces: list[Piece], spoken: bool) -> None:
    """Letter case and punctuation of the whole."""
    if spoken:
        for i, (text, tag) in enumerate(pieces):
            if tag is None:
                end = r'(?= |$)' if i == len(pieces) - 1 else '(?= )'      # a mark right before a value may keep two values apart
                pieces[i] = [re.sub(r'[,.!?;:-]+' + end + r'|["()]', '', text.replace('\n- ', ' ').replace('\n', ' ')), None]
        if rng.random() < 0.4:
            fillers(rng, pieces)
    elif rng.random() < 0.30:
        strip_end(pieces)
    elif rng.random() < 0.10 and pieces[-1][0][-1:].isalnum():
        pieces.append([rng.choice(['.', '.', '.', '!'] if pieces[-1][1] is None else ['.']), None])
    u = rng.random()
    if u < (0.75 if spoken else 0.22):
        for i, (text, tag) in enumerate(pieces):
            pieces[i] = [text.lower(), tag]
    elif u < 0.76 and u > 0.745:
        for i, (text, tag) in enumerate(pieces):
            pieces[i] = [text.upper(), tag]
    elif u > 0.78 and pieces[0][1] is None and pieces[0][0][:1].islower():
        pieces[0] = [pieces[0][0][0].upper() + pieces[0][0][1:], None]


def distort(rng: random.Random, pieces: list[Piece], spoken: bool, noise: float = 1.0) -> None:
    """All of the above in one go; `noise` multiplies the chances."""
    surround(rng, pieces, noise)
    if rng.random() < 0.08 * noise:
        typos(rng, pieces, rng.choice([1, 1, 1, 2, 3]))
    if rng.random() < 0.04 * noise:
        short_forms(rng, pieces)
    finish(rng, pieces, spoken)


def flatten(pieces: list[Piece]) -> tuple[str, dict[tuple, tuple[int, int]]]:
    """The text, outer spaces trimmed, and the character range of every tagged piece."""
    out, at, spans = [], 0, {}
    lead = True
    for text, tag in pieces:
        if lead and tag is None:
            text = text.lstrip()
        if text:
            lead = False
        if tag is not None:
            spans[tag] = (at, at + len(text))
        out.append(text)
        at += len(text)
    return ''.join(out).rstrip(), spans
