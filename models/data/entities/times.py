"""Dates, times of day and durations in the many ways people write and say them."""
from __future__ import annotations
from .amounts import number_words, ordinal_words

MONTHS = 'January February March April May June July August September October November December'.split()
DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split()
SHORT_DAYS = 'Mon Tue Tues Wed Thu Thurs Fri Sat Sun'.split()
DAY_PARTS = ('morning', 'afternoon', 'evening', 'night')
UNITS = ('second', 'minute', 'hour', 'day', 'week', 'month', 'year')


def _suffix(n: int) -> str:
    return 'th' if 10 <= n % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')


def date(e) -> str:
    r = e.rng
    u = r.random()
    if u < 0.22:
        return r.choice(['today', 'tomorrow', 'tonight', 'the day after tomorrow', 'yesterday', 'next week', 'this weekend',
                         'next month', 'next weekend', 'the weekend', 'end of the month', 'the end of the week', 'next year',
                         'this week', 'last week', 'the first of next month', 'Christmas Eve', 'New Year\'s Day',
                         'Easter Monday',
                         'Halloween', 'Christmas', 'my birthday', 'tmrw', 'tomorrow morning', 'tomorrow night', 'this month'])
    day = r.choice(DAYS)
    if u < 0.38:
        if r.random() < 0.25:
            day = day.lower()
        return r.choice(['{}', '{}', '{}', 'next {}', 'this {}', 'next {}', 'this coming {}', 'last {}', '{} next week',
                         '{} morning', '{} evening', 'a week from {}', '{} afternoon', 'the following {}']).format(day)
    if u < 0.42:
        return r.choice(SHORT_DAYS)
    n = r.randint(2, 12)
    if u < 0.48:
        count = number_words(n) if r.random() < 0.5 else str(n)
        return r.choice([f'in {count} days', f'in {count} weeks', f'{count} days from now', f'in {count} months', 'in a week',
                         'in a month', 'in a fortnight', f'{count} weeks from today', 'in a couple of days'])
    month = r.choice(MONTHS)
    d = r.randint(1, 28)
    year = r.randint(2023, 2029)
    short = month[:3] if r.random() < 0.85 else month[:4] + '.'
    if u < 0.60:
        return r.choice([f'{month} {d}', f'{month} {d}{_suffix(d)}', f'{short} {d}', f'{month} {d}'])
    if u < 0.70:
        return r.choice([f'{d} {month}', f'{d}{_suffix(d)} of {month}', f'the {d}{_suffix(d)} of {month}', f'{d} {short}',
                         f'{d}{_suffix(d)} {month}'])
    if u < 0.76:
        return r.choice([f'{month} {d}, {year}', f'{d} {month} {year}', f'{month} {d}{_suffix(d)} {year}',
                         f'{short} {d} {year}',
                         f'{d}. {month} {year}', f'{d}-{short}-{year}'])
    if u < 0.86:
        m = r.randint(1, 12)
        return r.choice([f'{year}-{m:02}-{d:02}', f'{year}-{m:02}-{d:02}', f'{m}/{d}/{year}', f'{d:02}/{m:02}/{year}',
                         f'{d}.{m}.{year}',
                         f'{d:02}.{m:02}.', f'{m}/{d}', f'{m:02}/{d:02}/{year % 100}', f'{year}/{m:02}/{d:02}'])
    if u < 0.91:
        return r.choice([f'the {d}{_suffix(d)}', f'{day} the {d}{_suffix(d)}', f'{day}, {month} {d}', f'{day} {d} {month}'])
    if u < 0.95:
        return r.choice([f'{month} {ordinal_words(d)}', f'the {ordinal_words(d)} of {month}', f'the {ordinal_words(d)}'])
    return r.choice([month, f'early {month}', f'mid {month}', f'the end of {month}', f'{month} {year}', str(year),
                     f'late {month}',
                     f'Q{r.randint(1, 4)} {year}', f'spring {year}', f'the summer'])


def clock_time(e) -> str:
    r = e.rng
    u = r.random()
    h12, m = r.randint(1, 12), r.choice([0, 5, 10, 15, 15, 20, 25, 30, 30, 35, 40, 45, 45, 50, 55, r.randint(1, 59)])
    half = r.choice(['am', 'pm', 'AM', 'PM', 'a.m.', 'p.m.', 'am', 'pm'])
    gap = r.choice(['', ' ', ' '])
    if half.startswith(('a.', 'p.')):
        gap = ' '
    if u < 0.24:
        return f'{h12}{gap}{half}'
    if u < 0.46:
        return f'{h12}:{m:02}{gap}{half}'
    if u < 0.62:
        return r.choice([f'{r.randint(0, 23):02}:{m:02}', f'{r.randint(7, 23)}:{m:02}', f'{h12}:{m:02}'])
    if u < 0.70:
        return r.choice(['noon', 'midnight', 'midday', 'lunchtime', 'sunrise', 'sunset', 'noon'])
    if u < 0.77:
        return f"{r.choice([str(h12), number_words(h12)])} o'clock"
    word = number_words(h12)
    if u < 0.86:
        return r.choice([f'quarter past {word}', f'half past {word}', f'quarter to {word}', f'ten to {word}',
                         f'twenty past {word}',
                         f'half {word}', f'a quarter past {h12}', f'half past {h12}', f'five past {word}', f'ten past {h12}'])
    if u < 0.93:
        return r.choice([f'{word} thirty', f'{word} fifteen', f'{word} {half.lower()[0]} m', f'{word} forty five',
                         f'{word} {half[:1].lower()}m',
                         f'{word} in the {r.choice(DAY_PARTS[:3])}', f'{h12} in the {r.choice(DAY_PARTS[:3])}',
                         f'{h12} tonight'])
    return r.choice([f'{r.randint(6, 23)}h', f'{r.randint(0, 23)}h{m:02}', f'{r.randint(6, 22)}.{m:02}', f'{h12}', f'{h12}ish',
                     f'{r.randint(0, 23):02}{m:02}'])


def duration(e) -> str:
    r = e.rng
    u = r.random()
    unit = r.choice(['minute'] * 8 + ['hour'] * 5 + ['second', 'second', 'day', 'day', 'week', 'month', 'year'])
    n = r.choice([2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 45, 50, 60, 90]) if unit in ('minute',
                                                                                                'second') else r.randint(2, 14)
    if u < 0.36:
        return f'{n} {unit}s'
    if u < 0.56:
        return f'{number_words(n)} {unit}s'
    if u < 0.68:
        return r.choice([f'{n} min', f'{n} mins', f'{n}min', f'{n} secs', f'{n}s', f'{n}m', f'{r.randint(1, 12)}h',
                         f'{r.randint(1, 12)} hrs',
                         f'{r.randint(1, 9)}d', f'{n} sec'])
    if u < 0.82:
        return r.choice(['an hour', 'half an hour', 'an hour and a half', 'a minute', 'a quarter of an hour', 'a day',
                         'a week', 'a month',
                         'two and a half hours', 'a couple of hours', 'three quarters of an hour', 'a fortnight', 'one hour',
                         'half a day',
                         'a minute and a half', 'a year', 'ten more minutes', 'a full hour', 'the whole day', 'a few minutes'])
    h, m = r.randint(1, 5), r.choice([5, 10, 15, 20, 30, 40, 45])
    plural = '' if h == 1 else 's'
    return r.choice([f'{h} hour{plural} {m} minutes', f'{h}h {m}m', f'{h}h{m}', f'{h} hour{plural} and {m} minutes',
                     f'{h}:{m:02}',
                     f'1 {unit}', f'{h}.5 hours', f'{number_words(h)} hour{plural} and {number_words(m)} minutes',
                     f'{h} hr {m} min',
                     f'{m} minutes and {r.choice([10, 20, 30])} seconds'])
