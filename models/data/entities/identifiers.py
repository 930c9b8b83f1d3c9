"""Values with a form of their own: e-mail addresses, phone numbers, file names, hosts, branches, codes."""
from __future__ import annotations
import re
import string
import unicodedata

DOMAINS = ('example.com example.org mail.com acme.io univ.edu globex.com inbox.net startup.dev initech.com corp.jp lumen.org gmail.com '
           'outlook.com northwind.co contoso.com yahoo.co.uk posteo.de web.de shop.example.net hooli.xyz proton.me company.fr').split()
TEAMS = 'info support hr team billing press sales admin hello office jobs noreply accounts legal ops'.split()
TOPICS = ('report budget notes main photo resume config index data slides backup invoice todo app readme agenda contract draft summary '
          'proposal schedule logo banner script test users orders inventory results thesis chapter minutes roadmap sales payroll lease '
          'menu map scan letter essay homework recipe playlist settings schema model train server client utils login checkout').split()
QUALIFIERS = 'final draft old new v2 v3 2024 2025 q1 q3 march copy signed reviewed backup latest 01 007 may client team export'.split()
EXTENSIONS = ('pdf xlsx txt py jpg docx yaml html csv pptx zip md log json png mp4 js ts c h go rs sql sh mp3 wav svg tar.gz ipynb toml xml '
              'doc gif key pages env css java tex bak').split()
STREETS = ('Elm Maple Oak Market Station Hillcrest Park High Church King Queen Victoria Ocean Sunset Harbour Main Mill Bridge Cedar Pine '
           'Lincoln Washington Jefferson Lake River Spring Garden Birch Walnut Chestnut Highland College Union Franklin Mission Valencia '
           'Broad Canal Prospect Rose Orchard Meadow Willow Abbey Castle Baker Fleet Hope Grove Albert George').split()
STREET_KINDS = 'Street Avenue Road Lane Drive Court Boulevard St Ave Rd Blvd Way Place Terrace Square Dr'.split()
HOST_WORDS = ('web db api cache worker build mail proxy node gateway auth staging prod dev search queue billing edge backup monitor app '
              'frontend redis kafka nas printer router vpn').split()
BRANCH_KINDS = 'feature feat fix bugfix hotfix release chore docs refactor experiment'.split()
BRANCH_TOPICS = ('login null-check dark-mode payment-flow cart typo search-index new-api cleanup oauth retry-logic i18n upgrade-deps '
                 'user-profile cache image-upload rate-limit signup logging mobile-nav csv-export').split()
OWNERS = 'torvalds facebook acme octocat my-org kubernetes rust-lang google nasa data-team jdoe hooli opengrid apache mozilla'.split()
REPOS = ('linux react website my-blog data-pipeline hello-world infra mobile-app dotfiles api-server docs design-system ml-models '
         'payments-service frontend game-engine notebook-tools homelab cli parser').split()
TAGS = ('sunset throwback AI foodie worldcup buildinpublic mondaymotivation travel opensource fitness nofilter tbt catsofinstagram '
        'blackfriday climateaction diy vegan photography startup gamedev booktok marathon').split()


def _ascii(text: str) -> str:
    flat = unicodedata.normalize('NFKD', text).encode('ascii', 'ignore').decode().lower()
    return re.sub(r'[^a-z]', '', flat) or 'ana'


def email(e) -> str:
    r = e.rng
    domain = r.choice(DOMAINS)
    u = r.random()
    if u < 0.2:
        return f'{r.choice(TEAMS)}@{domain}'
    first, last = _ascii(e.listed('first_name')), _ascii(e.listed('last_name'))
    return r.choice([f'{first}.{last}', f'{first[0]}.{last}', f'{first}', f'{first}{r.randint(1, 99)}', f'{first}_{last}',
                     f'{last}.{first}',
                     f'{first[0]}{last}', f'{first}-{last}', f'{first}.{last}+{r.choice(TOPICS)}']) + '@' + domain


def phone(e) -> str:
    r = e.rng
    d = lambda n: ''.join(r.choice('0123456789') for _ in range(n))
    return r.choice([f'555-{d(4)}', f'+1 {r.randint(201, 989)} 555 {d(4)}', f'({r.randint(201, 989)}) 555-{d(4)}',
                     f'020 {d(4)} {d(4)}',
                     f'+49 {r.randint(30, 99)} {d(6)}', f'04{d(2)} {d(3)} {d(3)}', f'+33 1 {d(2)} {d(2)} {d(2)} {d(2)}',
                     f'07{d(9)}',
                     f'{r.randint(201, 989)}-555-{d(4)}', f'{r.randint(201, 989)} 555 {d(4)}', f'+44 7{d(3)} {d(6)}',
                     f'1-800-{d(3)}-{d(4)}',
                     f'+91 9{d(4)} {d(5)}', f'{r.randint(201, 989)}555{d(4)}', f'+81 3 {d(4)} {d(4)}', '911'])


def url(e) -> str:
    r = e.rng
    host = r.choice(DOMAINS + ['wikipedia.org', 'github.com', 'news.ycombinator.com', 'docs.python.org', 'bbc.co.uk',
                               'youtube.com'])
    path = r.choice(['', '', '/', f'/{r.choice(TOPICS)}', f'/{r.choice(TOPICS)}/{r.choice(QUALIFIERS)}',
                     f'/{r.choice(TOPICS)}?id={r.randint(1, 999)}',
                     f'/{r.choice(OWNERS)}/{r.choice(REPOS)}', f'/blog/{r.choice(BRANCH_TOPICS)}', f'/{r.choice(TOPICS)}.html',
                     f'/wiki/{r.choice(STREETS)}'])
    return r.choice(['https://', 'https://', 'http://', '', 'www.', 'https://www.']) + host + path if r.random() < 0.93 else \
        f'http://localhost:{r.choice([3000, 8080, 5000, 8000])}{path}'


def username(e) -> str:
    r = e.rng
    first, last = _ascii(e.listed('first_name')), _ascii(e.listed('last_name'))
    name = r.choice([f'{first}_{last}', f'{first}{r.randint(1, 999)}', f'{first}.{last[0]}',
                     f'{r.choice(TOPICS)}guy{r.randint(1, 99)}', f'{first}codes',
                     f'the_real_{first}', f'night{r.choice(["owl", "fox", "hawk"])}', f'{last}{first[0]}', f'{first}',
                     f'cool{first}{r.randint(1, 99)}'])
    return ('@' if r.random() < 0.55 else '') + name


def ip_address(e) -> str:
    r = e.rng
    b = lambda: r.randint(1, 254)
    return r.choice([f'192.168.{r.randint(0, 9)}.{b()}', f'10.0.{r.randint(0, 20)}.{b()}', f'172.16.{b()}.{b()}',
                     f'203.0.113.{b()}', '8.8.8.8',
                     '127.0.0.1', f'{b()}.{b()}.{b()}.{b()}', f'2001:db8::{b():x}', f'10.{b()}.0.0/16',
                     f'192.168.{r.randint(0, 9)}.0/24'])


def hostname(e) -> str:
    r = e.rng
    w = r.choice(HOST_WORDS)
    return r.choice([f'{w}-{r.randint(1, 20):02}', f'{w}.internal', f'{w}.example.com', f'prod-{w}-{r.randint(1, 9)}',
                     f'{w}{r.randint(1, 9)}', w,
                     f'{w}{r.randint(1, 9)}.cluster.local',
                     f'{w}-{r.choice(["eu", "us", "ap"])}-{r.choice(["west", "east", "central"])}-{r.randint(1, 3)}',
                     f'{w}.{r.choice(DOMAINS)}', f'{w}-{r.choice(["blue", "green", "canary"])}', 'localhost'])


def git_branch(e) -> str:
    r = e.rng
    t = r.choice(BRANCH_TOPICS)
    return r.choice(['main', 'master', 'develop', 'dev', 'staging', f'{r.choice(BRANCH_KINDS)}/{t}',
                     f'{r.choice(BRANCH_KINDS)}/{t}', t,
                     f'{r.choice(BRANCH_KINDS)}-{r.randint(1, 400)}', f'release/{r.randint(1, 9)}.{r.randint(0, 12)}',
                     f'{t}-v{r.randint(2, 4)}',
                     f'{_ascii(e.listed("first_name"))}/{t}', f'{r.choice(["JIRA", "ENG", "WEB"])}-{r.randint(10, 4000)}',
                     'gh-pages'])


def repo(e) -> str:
    r = e.rng
    return r.choice(REPOS) if r.random() < 0.5 else f'{r.choice(OWNERS)}/{r.choice(REPOS)}'


def file_name(e) -> str:
    r = e.rng
    t, q, x = r.choice(TOPICS), r.choice(QUALIFIERS), r.choice(EXTENSIONS)
    stem = r.choice([t, t, f'{t}_{q}', f'{t}-{q}', f'{t}{r.randint(1, 99)}', f'{t}_{r.randint(1, 999):03}',
                     f'{t.capitalize()}{q.capitalize()}',
                     f'{q}_{t}', f'IMG_{r.randint(1000, 9999)}', f'{t.capitalize()}', f'{t}-{r.choice(TOPICS)}', f'{t} {q}'])
    return f'{stem}.{x}' if r.random() < 0.93 else r.choice(['README.md', 'Makefile', 'Dockerfile', '.env', '.gitignore',
                                                             'package.json', '*.log', f'*.{x}'])


def folder(e) -> str:
    r = e.rng
    if r.random() < 0.55:
        return r.choice(e.lists['folder'][0])
    t, q = r.choice(TOPICS), r.choice(QUALIFIERS)
    return r.choice([t.capitalize(), f'{t}s', f'~/{t}', f'/home/{_ascii(e.listed("first_name"))}/{t}', f'{t}/{q}',
                     f'{t.capitalize()} {q}',
                     f'src/{t}', f'/srv/{t}', f'{t}_{q}', f'Projects/{r.choice(REPOS)}', f'{q} {t}s', f'./{t}/{q}'])


def hashtag(e) -> str:
    return '#' + e.rng.choice(TAGS) + (str(e.rng.randint(2, 30)) if e.rng.random() < 0.1 else '')


def address(e) -> str:
    r = e.rng
    n = r.choice([r.randint(1, 99), r.randint(100, 999), r.randint(1000, 9900)])
    street = f'{r.choice(STREETS)} {r.choice(STREET_KINDS)}'
    u = r.random()
    if u < 0.55:
        return f'{n} {street}'
    if u < 0.7:
        return f'{n} {street}, {e.listed("city")}'
    if u < 0.78:
        return f'{n} {street}, {r.choice(["Apt", "Apt.", "Unit", "Suite", "Flat"])} {r.randint(1, 40)}'
    last = e.listed('last_name')
    return r.choice([f'{last}straße {n % 200 + 1}', f'{n % 200 + 1} Rue {last}', f'Calle {last} {n % 200 + 1}',
                     f'Via {last} {n % 90 + 1}',
                     f'{n % 200 + 1}B {street}', f'{n} W {r.randint(2, 98)}th St',
                     f'corner of {r.choice(STREETS)} and {r.choice(STREETS)}',
                     f'{n} {r.randint(2, 9)}th Avenue', f'{street}', f'{last}weg {n % 200 + 1}, {e.listed("city")}'])


def code(e) -> str:
    """An order number, ticket key, booking reference or the like."""
    r = e.rng
    letters = ''.join(r.choice(string.ascii_uppercase) for _ in range(r.choice([1, 2, 2, 3, 3, 4])))
    n = r.choice([r.randint(1, 99), r.randint(100, 999), r.randint(1000, 9999), r.randint(10000, 999999)])
    mix = ''.join(r.choice(string.ascii_uppercase + string.digits) for _ in range(r.randint(5, 8)))
    return r.choice([f'{letters}-{n}', f'{letters}{n}', f'#{n}', f'{n}', f'{letters}-{r.randint(2023, 2026)}-{n}', mix,
                     f'{letters}_{n}', f'{letters.lower()}-{n}'])


def vary_digits(text: str, r) -> str:
    """The same value with other digits: 'INV-2041' -> 'INV-7730'. A leading 0 stays, no new leading 0 appears."""
    if re.search(r'\d\.\d+\.\d', text):       # addresses and versions have rules of their own
        return text
    return re.sub(r'\d+', lambda m: m[0] if len(m[0]) < 3 or m[0][0] == '0' or (len(m[0]) == 4 and m[0][:2] in ('19', '20'))
                  else str(r.randint(10 ** (len(m[0]) - 1), 10 ** len(m[0]) - 1)), text)
