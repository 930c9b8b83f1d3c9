"""Free text that people dictate: messages, notes, searches, to-do items, titles. Small grammars over the entity lists."""
from __future__ import annotations
import re

PATTERNS = {
    'message': [
        "I'll be {minutes} minutes late", 'can you pick up {ingredient} on the way home', 'meeting is at {time} now',
        'are we still on for {date}?',
        'the {product} arrived', 'I landed in {city}', 'please call {first_name} back', 'dinner at {restaurant} at {time}?',
        'happy birthday {first_name}!',
        "I can't make it {date}", 'running late, start without me', 'did you send {file_name} to {first_name}',
        'see you in {city} {date}',
        'the {device} is broken again', "what's the address", 'we need more {ingredient}', 'I left my {product} at your place',
        'call me after {time}',
        'thanks for the {product}', "don't forget {event_title}", 'is {first_name} coming {date}', 'train is stuck in {city}',
        'yes {date} works for me',
        'the doctor said everything is fine', 'just parked, two minutes', 'can we move {event_title} to {date}',
        'the new {product} looks great',
        'who is picking up {first_name}', 'sorry, {event_title} ran over', '{first_name} says hi',
        'please review {file_name} before {time}',
        'we won', 'I miss you', 'good night', 'the keys are under the mat', 'buy {ingredient} and {ingredient}',
        'leaving {place} now',
        'my flight is delayed by {duration}', 'let me know when you get to {city}', 'bring a jacket, it is cold in {city}',
        'ok', 'on it',
        'the deploy is done', 'build is red again', 'standup in {minutes}', 'lunch at {restaurant}?', 'welcome to the team',
        'rent is {money} this month'],
    'note': [
        '{first_name} prefers {dish}', 'the {device} needs a new battery', 'idea: a podcast about {search_text}',
        'locker code {code}', 'call {person} about {product}',
        'spent {money} on {product}', 'great little place in {city}: {restaurant}', 'read {book} next',
        '{first_name} lives at {address}', 'try {dish} with {ingredient}',
        'meeting moved to {date}', 'the spare key is with {first_name}', 'gate code is {code}',
        'warranty of the {product} ends {date}', 'wifi at {place} is slow',
        'watch {movie} with {first_name}', '{company} quoted {money}', 'blood pressure a bit high', 'the plumber comes {date}',
        'need {ingredient} for {dish}',
        'password hint: first pet', '{person} asked for a raise', 'talk idea {search_text}', 'back pain after {sport}',
        'check the {device} filter', 'size 42 fits best',
        'good wine from {country}', 'shoot the intro again', 'the {color} paint was better',
        'learned about {search_text} today', 'ask {company} for a refund'],
    'search': [
        'best {dish} in {city}', 'how to fix a {device}', 'cheap flights to {city}', '{product} review',
        '{product} under {money}', 'history of {country}',
        'things to do in {city}', 'how to learn {language}', '{artist} tour dates', 'cast of {movie}', '{dish} recipe',
        '{company} careers', 'weather in {city} {date}',
        '{sport} rules', 'how tall is {person}', 'jobs as {job_title} in {city}', '{medicine} side effects', '{book} summary',
        'what is {search_text}',
        'second hand {product}', '{team} results', 'visa for {country}', '{noun} and {noun}', 'why is my {animal} sneezing',
        '{color} {product}', '{adjective} {noun} meaning',
        'how many calories in {dish}', 'population of {city}', 'opening hours {place}', '{stock} earnings',
        'learn {sport} online', '{language} grammar', 'lyrics of {song}'],
    'todo': [
        'buy {ingredient}', 'call {person}', 'pay {company}', 'book a table at {restaurant}', 'fix the {device}',
        'return the {product}', 'email {first_name}', 'finish {file_name}',
        'pick up {first_name} from {place}', 'order {product}', 'send {file_name} to {person}', 'cancel {app}',
        'renew the {noun} insurance', 'clean the {device}',
        'read {book}', 'practice {language}', 'get a present for {first_name}', 'make {dish}', 'book flights to {city}',
        'review the contract with {company}',
        'refill {medicine}', 'charge the {device}', 'buy {ingredient} and {ingredient}', 'wash the {noun}', 'update {app}',
        'paint the fence {color}', 'feed the {animal}',
        'write to {person} about {event_title}', 'watch {movie}', 'prepare for {event_title}', 'print {file_name}'],
    'event_title': [
        'lunch with {first_name}', 'call with {company}', 'dinner at {restaurant}', 'flight to {city}', '{sport} practice',
        "{first_name}'s birthday", 'meeting with {person}',
        '{course} lecture', 'interview {person}', '{artist} concert', '{movie} night', '{language} class',
        'coffee with {person}', 'trip to {city}', '{company} demo',
        '{noun} workshop', 'review of {file_name}', '{job_title} interview', '{team} game', 'pick up {first_name}',
        '{app} training', 'visit {place}', 'sync with {first_name} and {first_name}'],
    'product': [
        '{color} {product}', '{product}', '{product}', '{product}', '{company} {product}', '{product} for kids',
        'two {product}s', 'used {product}', '{adjective} {product}'],
}
_COMPILED = {kind: [re.split(r'\{(\w+)\}', p) for p in patterns] for kind, patterns in PATTERNS.items()}


def _fill(e, kind: str) -> str:
    parts = e.rng.choice(_COMPILED[kind])
    out = []
    for i, part in enumerate(parts):
        if i % 2 == 0:
            out.append(part)
        elif part == 'minutes':
            out.append(str(e.rng.choice([5, 10, 15, 20, 30])))
        elif part in e.lists:
            out.append(e.listed(part))
        else:
            out.append(e.draw(part))
    return ''.join(out)


def _text(kind: str, entity: str, own: float):
    def make(e) -> str:
        if e.rng.random() < own:
            return e.listed(entity)
        text = _fill(e, kind)
        if kind == 'message' and e.rng.random() < 0.12:
            other = _fill(e, kind)
            text += e.rng.choice([' and ', ', ', '. ', ' so ', ' but ']) + other
        return text
    return make


message = _text('message', 'message_text', 0.3)
note = _text('note', 'note_text', 0.3)
search = _text('search', 'search_text', 0.45)
todo = _text('todo', 'todo_item', 0.5)
event_title = _text('event_title', 'event_title', 0.5)
product = _text('product', 'product', 0.7)
