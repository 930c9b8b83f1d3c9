"""Numbers, money and percentages as people write and say them."""
from __future__ import annotations

ONES = ('zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen '
        'nineteen').split()
TENS = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split()
ORDINALS = ('zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth '
            'sixteenth seventeenth eighteenth nineteenth').split()


def number_words(n: int, hyphen: bool = True, conjunction: bool = False) -> str:
    """English words of 0 <= n < 1,000,000: 21 -> 'twenty-one' (or 'twenty one'), 105 -> 'one hundred five' (or 'and five')."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (('-' if hyphen else ' ') + ONES[n % 10] if n % 10 else '')
    if n < 1000:
        rest = number_words(n % 100, hyphen) if n % 100 else ''
        return ONES[n // 100] + ' hundred' + ((' and ' if conjunction else ' ') + rest if rest else '')
    rest = number_words(n % 1000, hyphen, conjunction) if n % 1000 else ''
    return number_words(n // 1000, hyphen, conjunction) + ' thousand' + (' ' + rest if rest else '')


def ordinal_words(n: int) -> str:
    """English ordinal of 0 <= n < 100: 21 -> 'twenty-first'."""
    if n < 20:
        return ORDINALS[n]
    if n % 10 == 0:
        return TENS[n // 10][:-1] + 'ieth'
    return TENS[n // 10] + '-' + ORDINALS[n % 10]


def money(e) -> str:
    r = e.rng
    n = r.choice([r.randint(2, 60), r.choice([5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 300, 500, 750, 1000, 1500,
                                              2000]),
                  r.randint(20, 2500)])
    cents = r.choice([0, 0, 0, 50, 99, 95, 25, r.randint(1, 99)])
    plain = f'{n:,}' if n >= 1000 and r.random() < 0.5 else str(n)
    amount = f'{plain}.{cents:02}' if cents else plain
    u = r.random()
    if u < 0.42:
        return r.choice('$$$$€£') + amount
    if u < 0.72:
        return amount + r.choice([' dollars', ' dollars', ' euros', ' pounds', ' bucks', ' USD', ' EUR', '€', ' yen', ' quid',
                                  ' rupees',
                                  ' GBP', ' francs', ' CHF', ' kronor', ' pesos'])
    if u < 0.86:
        return number_words(n) + r.choice([' dollars', ' dollars', ' euros', ' pounds', ' bucks'])
    return r.choice(['a hundred dollars', 'fifty bucks', 'a thousand euros', 'a dollar fifty', f'{r.randint(1, 9)}k',
                     f'${r.randint(1, 90)}k',
                     'ten grand', f'{plain} dollars and {r.randint(1, 99)} cents',
                     f'${r.randint(1, 9)}.{r.randint(1, 9)} million',
                     f'USD {amount}', f'€ {amount}', 'two fifty', 'five hundred'])


def percent(e) -> str:
    r = e.rng
    n = r.choice([5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 100, r.randint(1, 99)])
    u = r.random()
    if u < 0.5:
        return f'{n}%'
    if u < 0.7:
        return f'{n} percent'
    if u < 0.8:
        return f'{number_words(n)} percent'
    return r.choice([f'{n}.5%', f'{n} %', 'half', 'a quarter', f'{n} per cent', f'{n}',
                     f'{r.randint(1, 9)}.{r.randint(1, 99)}%'])
