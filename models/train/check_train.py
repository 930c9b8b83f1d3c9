"""Checks of the trainer, and random inputs for it.

    python3 check_train.py --build DIR            all checks; exit status 1 if one fails (`make check` calls this)
    python3 check_train.py --synth DIR [GROUPS]   writes DIR/init.safetensors (tiny's sizes, random) and DIR/random.bin
                                                  (groups of realistic shapes), for measuring speed

Checks: gradients against finite differences (thimble-gradcheck, double); scores of the plain float32 build and of the AMX
build against models/thimble/network.py, with and without quantisation; a short training run that must fit its data; a run
that is stopped and resumed must give the weights of an uninterrupted one.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from thimble import safetensors                                     # noqa: E402
from thimble.network import Model, tensor_shapes                    # noqa: E402

KINDS, CASES = 6, 3


def metadata(vocab: int, d: int, heads: int, kv_heads: int, encoder: int, decoder: int) -> dict[str, object]:
    return {"format": "thimble1", "name": "random", "d_model": d, "num_heads": heads, "num_kv_heads": kv_heads,
            "num_encoder_layers": encoder, "num_decoder_layers": decoder, "vocab_size": vocab, "rope_theta": "10000.0",
            "trained_examples": 0}


def random_model(path: Path, sizes: tuple[int, ...], seed: int, spread: float = 0.4) -> None:
    """Matrices and embedding of standard deviation d^-0.5; vectors of `spread` (0.02 is like a fresh model)."""
    rng, meta, tensors = np.random.default_rng(seed), metadata(*sizes), {}
    for name, shape in tensor_shapes(meta).items():
        wide = len(shape) == 2 and name not in ("case", "pointer.kind")
        tensors[name] = (rng.standard_normal(shape) * (sizes[1] ** -0.5 if wide else spread)).astype(np.float32)
    safetensors.write(path, tensors, meta)


def random_groups(path: Path, vocab: int, groups: int, seed: int, tools: tuple[int, int], tool_tokens: tuple[int, int],
                  queries: tuple[int, int], query_tokens: tuple[int, int], decisions: tuple[int, int]) -> None:
    """Ranges are (low, high) inclusive. Targets are random; some decisions are forced, some weigh 0."""
    rng, words = np.random.default_rng(seed), []

    def within(pair: tuple[int, int]) -> int:
        return int(rng.integers(pair[0], pair[1] + 1))

    def tokens(n: int) -> list[int]:
        return [n] + (rng.integers(9, vocab, n) | rng.integers(0, CASES, n) << 16).tolist()
    for _ in range(groups):
        lengths = [within(tool_tokens) for _ in range(within(tools))]
        words.append(len(lengths))
        for n in lengths:
            words += tokens(n)
        count = within(queries)
        words.append(count)
        for _ in range(count):
            n = within(query_tokens)
            words += tokens(n)
            m, end = within(decisions), n + sum(lengths)
            words.append(m)
            for k in range(m):
                last = k == m - 1
                allowed = rng.choice(end + 1, min(end + 1, 1 if rng.random() < 0.2 else within((2, 16))), replace=False)
                if not last:
                    allowed[0] = rng.integers(0, end)
                    allowed = np.unique(allowed)
                choices = allowed if last else allowed[allowed != end]
                weight = np.float32(0 if rng.random() < 0.05 else rng.choice([1.0, 1.5])).view(np.int32)
                words += [int(rng.integers(0, KINDS)), int(rng.choice(choices)), int(weight), len(allowed)] + allowed.tolist()
    np.array(words, "<i4").tofile(path)


class Reader:
    """The words of a packed file, in order (FORMAT.md 6)."""

    def __init__(self, path: Path):
        self.words, self.at = np.fromfile(path, "<i4"), 0

    def one(self) -> int:
        self.at += 1
        return int(self.words[self.at - 1])

    def many(self, n: int) -> np.ndarray:
        self.at += n
        return self.words[self.at - n:self.at]

    def tokens(self) -> tuple[np.ndarray, np.ndarray]:
        t = self.many(self.one())
        return t & 0xffff, t >> 16


def reference_scores(model: Model, path: Path, groups: int) -> tuple[np.ndarray, float]:
    """Scores over the allowed positions of all decisions in file order, and the weighted mean loss."""
    r, scores, loss, total = Reader(path), [], 0.0, 0.0
    for _ in range(groups):
        tools = model.encode_tools([r.tokens() for _ in range(r.one())])
        for _ in range(r.one()):
            state, previous = model.start(tools, model.encode_query(tools, *r.tokens())), None
            for _ in range(r.one()):
                kind, target = r.one(), r.one()
                weight = float(r.many(1).view("<f4")[0])
                allowed = r.many(r.one())
                model.step(state, previous, kind)
                s = model.score(state)[allowed]
                scores.append(s)
                if len(allowed) > 1:
                    loss += weight * float(np.log(np.exp(s - s.max()).sum()) + s.max() - s[list(allowed).index(target)])
                    total += weight
                previous = target
    return np.concatenate(scores), loss / total


def run(*command: object) -> str:
    done = subprocess.run([str(x) for x in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


# sizes; tools, tool tokens, queries, query tokens, decisions per group
SHAPES = [((60, 32, 1, 1, 1, 1), ((0, 3), (1, 9), (1, 3), (1, 6), (1, 4))),
          ((300, 64, 2, 1, 2, 2), ((0, 4), (1, 70), (1, 5), (1, 40), (0, 20))),
          ((500, 192, 6, 2, 2, 1), ((1, 3), (30, 140), (1, 4), (60, 130), (1, 9))),
          ((8192, 256, 4, 2, 6, 4), ((3, 8), (20, 90), (4, 8), (5, 30), (4, 12)))]


def check_scores(build: Path, folder: Path) -> bool:
    fine = True
    for number, (sizes, shape) in enumerate(SHAPES):
        init, data, dump = folder / "init.safetensors", folder / "data.bin", folder / "scores.f32"
        random_model(init, sizes, number)
        groups = 7 if sizes[1] < 256 else 2
        random_groups(data, sizes[0], groups, number, *shape)
        for quantise in (False, True):
            want, loss = reference_scores(Model.load(init, quantise=quantise), data, groups)
            for program, limit in (("thimble-train-f32", 2e-4), ("thimble-train", 0.06)):
                text = run(build / program, "--init", init, "--data", data, "--dump-scores", dump, "--dump-groups", groups,
                           "--qat-from", 0 if quantise else 1)
                got = np.fromfile(dump, "<f4")
                found = float(re.search(r"loss (\S+)", text)[1])
                worst = np.abs(got - want).max() / want.std() if got.shape == want.shape else np.inf
                good = worst < limit and abs(found - loss) < limit * max(1, loss)
                fine &= bool(good)
                print(f"{'ok  ' if good else 'FAIL'} scores {program:18} sizes {sizes} quantised {quantise:d}: {len(want)} scores of "
                      f"deviation {want.std():.2f}, worst difference {worst:.1e} of it; loss {found:.5f}, reference {loss:.5f}")
    return fine


def check_training(build: Path, folder: Path) -> bool:
    """Fits a few random groups, and continues exactly after a stop (one thread: sums in one order)."""
    init, data = folder / "init.safetensors", folder / "data.bin"
    sizes = (300, 64, 2, 1, 2, 2)
    random_model(init, sizes, 5, 0.02)
    random_groups(data, sizes[0], 12, 5, (1, 3), (5, 20), (2, 4), (4, 12), (2, 6))
    fine = True

    def train(out: Path, *more: object) -> str:
        return run(build / "thimble-train", "--data", data, "--out", out, "--batch", 9, "--threads", 1, "--dev", data, "--seed", 3, *more)
    text = train(folder / "fit", "--init", init, "--examples", 6000, "--qat-from", 0.8)
    loss = float(re.findall(r"dev .* loss (\S+)", text)[-1])
    good = loss < 0.3
    fine &= good
    print(f"{'ok  ' if good else 'FAIL'} training: loss {loss:.4f} on the data it was trained on (about 2 before)")

    train(folder / "whole", "--init", init, "--examples", 600, "--decay", 0, "--warmup", 0)
    train(folder / "parts", "--init", init, "--examples", 300, "--decay", 0, "--warmup", 0, "--qat-from", 1)
    train(folder / "parts", "--resume", "--examples", 600, "--decay", 0, "--warmup", 0)
    a, meta_a = safetensors.read(folder / "whole")
    b, meta_b = safetensors.read(folder / "parts")
    worst = max(float(np.abs(a[k] - b[k]).max()) for k in a)
    good = worst == 0 and meta_a == meta_b and list(a) == list(tensor_shapes(meta_a))
    fine &= good
    print(f"{'ok  ' if good else 'FAIL'} resume: largest difference {worst:.1e} to an uninterrupted run, step {meta_b['step']} and {meta_a['step']}")

    random_model(folder / "anchor", sizes, 6, 0.02)
    train(folder / "pulled", "--init", init, "--examples", 1, "--warmup", 0, "--decay", 0, "--embedding-lr", 0,
          "--embedding-anchor", folder / "anchor", "--embedding-pull", 0.25)
    start, anchor, got = (safetensors.read(folder / n)[0]["embedding"] for n in ("init.safetensors", "anchor", "pulled"))
    worst = float(np.abs(got - (start + 0.25 * (anchor - start))).max())
    good = worst < 1e-6 < float(np.abs(anchor - start).max())
    fine &= good
    print(f"{'ok  ' if good else 'FAIL'} anchor: the embedding is a quarter of the way there after a step, within {worst:.1e}")
    return fine


def check(build: Path) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gradients = subprocess.run([str(build / "thimble-gradcheck"), str(folder / "groups.bin")], capture_output=True, text=True)
        good = gradients.returncode == 0
        print("ok  " if good else "FAIL", "gradients:", (gradients.stdout.strip().splitlines() or [gradients.stderr])[-1])
        return check_scores(build, folder) & check_training(build, folder) & good


def synth(folder: Path, groups: int) -> None:
    random_model(folder / "init.safetensors", (8192, 256, 4, 2, 6, 4), 1, 0.02)
    random_groups(folder / "random.bin", 8192, groups, 1, (4, 8), (30, 90), (8, 8), (10, 30), (4, 12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--synth", nargs="+", metavar=("DIR", "GROUPS"))
    args = parser.parse_args()
    if args.synth:
        synth(Path(args.synth[0]), int(args.synth[1]) if len(args.synth) > 1 else 1000)
    elif not check(args.build):
        sys.exit(1)


if __name__ == "__main__":
    main()
