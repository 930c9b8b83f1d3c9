"""Fine-tunes the model for one's own tools; the worked example is FINETUNE.md.

    python3 -m train.finetune MINE.jsonl|CATALOG.json... --out FOLDER [--minutes 10] [--examples N] [--start FILE]

Run in models/, after `make -C train`. MINE.jsonl: rows {query, tools, calls} (finetune_rows.py); CATALOG.json: data/catalog/SPEC.md.
FOLDER gets model.safetensors and vocab.txt and is ready for `thimble --model FOLDER`; it is written only when all went well. It
starts from the embedded model, or from FILE: another model file, or a checkpoint that thimble-train wrote.

One part of one's own examples is trained together with three parts made anew from the project's catalog, so that the model forgets
nothing; at a thirteenth of the first training's rate, which falls to 0, with the weights seen as INT4 throughout. Rows that cannot be
taught are reported and left out; rows with "split": "dev" are held back, and measured before and after."""
from __future__ import annotations

import argparse
import itertools
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from data import catalog, synonyms
from data.generator import Generator
from data.pack import Packer, report, write_chunk
from thimble import export, safetensors
from thimble.evaluate import Score
from thimble.reference import Reference
from .finetune_rows import FinetuneError, Groups, Row, ground_rows, parse_json, read_bytes, read_rows

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE.parent / 'tiny'
REPLAY_PARTS = 3                   # examples of the catalog for each of one's own
VISITS_OF_A_ROW = 100              # and its distractors differ each time
EXAMPLES_OF_A_TOOL = 3000          # generated from a catalog file
LEAST_OWN, LEAST_ROWS = 3000, 8
PACKING_SHARE, TRAINING_SHARE = 0.4, 0.85    # of the minutes; of those left after packing (the rest: export and measuring)
PROBE_EXAMPLES = 2400              # trained, and thrown away, to learn how fast this machine is
MOST_EPOCHS = 2                    # over the packed data
# A thirteenth of thimble-train's rates (the embedding: less); decay over the whole run; the weights seen as INT4 from the first step on.
RATES = ('--lr', '0.00015', '--muon-lr', '0.0015', '--embedding-lr', '0.00002', '--warmup', '0.05', '--decay', '0.95',
         '--qat-from', '0', '--dropout', '0.1', '--weight-decay', '0.05', '--swap', '0.3')
SEED = 20000                       # far from the seeds of the first training's chunks (data/pack.py)


# ---- what to train on --------------------------------------------------------------------------

def read_catalog(path: pathlib.Path) -> catalog.Domain:
    """A catalog file of the user's; FinetuneError if it is none."""
    try:
        text = read_bytes(path).decode('utf-8')
        parse_json(text)
        domain = catalog.parse_domain(text)
        if not isinstance(domain.name, str) or not domain.tools or not isinstance(domain.no_tool, list) or not domain.no_tool:
            raise ValueError('it needs a name, a tool with a usable query, and "no_tool" requests')
        packer = Packer(str(TINY / 'tokenizer.model'))
        for group in itertools.islice(Generator(SEED, own=[domain]), 20):      # what the form lets through ends here
            packer.group(group)
        if not packer.packed:
            raise ValueError(f'nothing could be made of it: {dict(packer.drops)}')
        return domain
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise FinetuneError('E_CATALOG', f'{path}: not a catalog file ({type(error).__name__}: {error}); the form is '
                                         'data/catalog/SPEC.md, and data/catalog/check.py FILE names the faults') from None


def read_sources(paths: list[pathlib.Path], packer: Packer) -> tuple[list[Row], list[catalog.Domain]]:
    """The teachable rows of all JSONL files, held-back ones among them, and the catalog domains. Reports what is left out."""
    rows, domains = [], []
    for path in paths:
        if path.suffix == '.json':
            domains.append(read_catalog(path))
            print(f'{path}: {len(domains[-1].tools)} tools')
            continue
        found = read_rows(path)
        good, left_out = ground_rows(found, packer)
        for line, reason in left_out:
            print(f'{path}, line {line}: left out: {reason}')
        print(f'{path}: {len(good)} of {len(found)} rows usable, {sum(r.held_back for r in good)} of them held back')
        rows += good
    packer.drops.clear()
    packer.packed = 0
    training = sum(not r.held_back for r in rows)
    if not domains and training < LEAST_ROWS:
        raise FinetuneError('E_NO_ROWS', f'{training} rows to train on, at least {LEAST_ROWS} are needed: write more, or mend those '
                                         'reported above')
    return rows, domains


def own_groups(rows: list[Row], domains: list[catalog.Domain]) -> Iterator[dict]:
    """Rows and domains in turn, as far as there are any of each."""
    sources = []
    if rows:
        sources.append(iter(Groups(rows, iter(Generator(SEED + 1)), SEED)))
    if domains:
        sources.append(iter(Generator(SEED + 2, own=domains)))
    yield from itertools.chain.from_iterable(zip(*sources))


def pack_until(path: pathlib.Path, packer: Packer, groups: Iterator[dict], examples: int, deadline: float) -> int:
    """write_chunk with an end in time as well: but never less than one group."""
    def timely() -> Iterator[dict]:
        for group in groups:
            yield group
            if time.time() > deadline:
                return
    return write_chunk(path, packer, timely(), examples)


def pack(work: pathlib.Path, rows: list[Row], domains: list[catalog.Domain], own_examples: int, seconds: float,
         packer: Packer) -> int:
    """own.bin and replay.bin; returns how many examples of one's own there are. They get their part of `seconds`, and replay follows
    their number."""
    began = time.time()
    own = pack_until(work / 'own.bin', packer, own_groups(rows, domains), own_examples, began + seconds / (1 + REPLAY_PARTS))
    if not own:
        raise FinetuneError('E_NO_ROWS', f'none of the examples could be packed: {dict(packer.drops)}')
    write_chunk(work / 'replay.bin', packer, Generator(SEED + 3), REPLAY_PARTS * own)
    print('packed', report(packer, time.time() - began), flush=True)
    return own


# ---- training ----------------------------------------------------------------------------------

def read_start(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Weights in float32 to train on, and their metadata."""
    try:
        tensors, metadata = safetensors.read(path)
        return export.restore(tensors, metadata), metadata
    except OSError as error:
        raise FinetuneError('E_START', f'{path}: cannot be read ({error.strerror}); give a model file or a checkpoint') from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise FinetuneError('E_START', f'{path}: no thimble1 weights ({error}); give a model.safetensors or what thimble-train '
                                       'wrote') from None


def run_trainer(program: pathlib.Path, arguments: list[str], quiet: bool = False) -> str:
    """Its output, which is also shown unless quiet."""
    try:
        process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        raise FinetuneError('E_TRAINER', f'{program}: cannot be run ({error.strerror}); build it with make -C train') from None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if not quiet:
                print(' ', line, end='', flush=True)
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise FinetuneError('E_TRAINER', f'{program.name} ended with {code}: {"".join(lines[-3:]).strip()}')
    return ''.join(lines)


def rate_of(log: str) -> float:
    """Examples per second: the last figure that thimble-train printed."""
    found = re.findall(r'\| (\d+) ex/s', log)
    return max(1.0, float(found[-1])) if found else 1.0


def train(work: pathlib.Path, args: argparse.Namespace, packed: int, deadline: float) -> None:
    """work/trained.safetensors."""
    synonyms.write_ids(work / 'synonyms.txt')
    common = ['--init', str(work / 'start.safetensors'), '--data', str(work / 'own.bin'), str(work / 'replay.bin'),
              '--threads', str(args.threads), '--synonyms', str(work / 'synonyms.txt'), *RATES]
    examples = args.examples
    if examples is None:
        rate = rate_of(run_trainer(args.trainer, common + ['--examples', str(PROBE_EXAMPLES)], quiet=True))
        examples = int(min(MOST_EPOCHS * packed, max(PROBE_EXAMPLES, rate * TRAINING_SHARE * (deadline - time.time()))))
        print(f'{rate:.0f} examples a second here: {examples} examples')
    run_trainer(args.trainer, common + ['--examples', str(examples), '--out', str(work / 'trained.safetensors'),
                                        '--save-seconds', '1000000'])


# ---- result ------------------------------------------------------------------------------------

def export_model(checkpoint: pathlib.Path, out: pathlib.Path, name: str, start: dict[str, str]) -> None:
    """`start`: metadata of the weights begun with; what the trainer does not know of it (the calibration) is kept."""
    tensors, found = safetensors.read(checkpoint)
    found = start | found
    metadata = {'format': 'thimble1', 'name': name} | {k: found[k] for k in export.METADATA if k in found}
    safetensors.write(out, export.export(tensors, metadata), metadata)


def measure(model: pathlib.Path, rows: list[Row]) -> str:
    reference, score = Reference(model, TINY / 'tokenizer.model'), Score()
    for row in rows:
        score.add(row.kind, row.request['calls'], reference.route(row.query, reference.prepare(row.tools)).calls)
    return score.table()


def publish(work: pathlib.Path, out: pathlib.Path) -> None:
    """Each file is whole whenever it is there; the model comes last."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ('vocab.txt', 'model.safetensors'):
        os.replace(work / name, out / name)


def finetune(args: argparse.Namespace) -> None:
    began = time.time()
    start, metadata = read_start(args.start)
    packer = Packer(str(TINY / 'tokenizer.model'))
    rows, domains = read_sources(args.files, packer)
    training, held_back = [r for r in rows if not r.held_back], [r for r in rows if r.held_back]
    wanted = max(LEAST_OWN, VISITS_OF_A_ROW * len(training) + EXAMPLES_OF_A_TOOL * sum(len(d.tools) for d in domains))
    if args.examples is not None:
        wanted = min(wanted, max(1, args.examples // (1 + REPLAY_PARTS)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{args.out.name}.part-', dir=args.out.parent) as folder:
        work = pathlib.Path(folder)
        seconds = 60 * args.minutes * PACKING_SHARE if args.examples is None else math.inf
        safetensors.write(work / 'start.safetensors', start, metadata)
        own = pack(work, training, domains, wanted, seconds, packer)
        train(work, args, own * (1 + REPLAY_PARTS), began + 60 * args.minutes)
        export_model(work / 'trained.safetensors', work / 'model.safetensors', args.out.name, metadata)
        shutil.copyfile(TINY / 'vocab.txt', work / 'vocab.txt')
        if held_back:
            export_model(work / 'start.safetensors', work / 'before.safetensors', metadata.get('name', 'start'), metadata)
            print('held-back rows, before\n' + measure(work / 'before.safetensors', held_back))
            print('held-back rows, after\n' + measure(work / 'model.safetensors', held_back))
        publish(work, args.out)
    print(f'{args.out}: model.safetensors and vocab.txt, {(time.time() - began) / 60:.1f} minutes')


def main() -> int:
    parser = argparse.ArgumentParser(description='Fine-tunes the model for your own tools (FINETUNE.md).')
    parser.add_argument('files', nargs='+', type=pathlib.Path, help='.jsonl: rows {query, tools, calls}; .json: a catalog file')
    parser.add_argument('--start', type=pathlib.Path, default=TINY / 'model.safetensors', help='weights to start from (the embedded model)')
    parser.add_argument('--out', required=True, type=pathlib.Path, help='folder for model.safetensors and vocab.txt')
    parser.add_argument('--minutes', type=float, default=10, help='about how long all of it may take (10)')
    parser.add_argument('--examples', type=int, help='train on so many examples, replay among them, whatever the time')
    parser.add_argument('--trainer', type=pathlib.Path, default=HERE / 'build' / 'thimble-train')
    parser.add_argument('--threads', type=int, default=min(16, os.cpu_count() or 1))
    args = parser.parse_args()
    if not args.minutes > 0 or args.examples is not None and args.examples < 1:
        parser.error('--minutes and --examples must be above 0')
    try:
        finetune(args)
    except FinetuneError as error:
        print(f'{error.code}: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
