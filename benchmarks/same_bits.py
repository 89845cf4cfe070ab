"""Check that this working tree plays every game to the same bits as an earlier revision.

    python -m benchmarks.same_bits                        # everything, against the revision before the refactoring
    python -m benchmarks.same_bits --against main         # against any other revision
    python -m benchmarks.same_bits --games dann bilinear  # these games only

Each case plays a few turns on one thread and hashes the parameters, the buffers, the signals of every turn, the scores and the moves. Every
game that needs no published data is played under two update rules, as a single game and as a population of three members. Further rows
cover all rules, schedulers, optimizers and schedules, dropout, batch normalisation, joint losses, the Gymnasium interface and the traces of
run folders.

The earlier revision is checked out into a temporary worktree, installed into a virtual environment of its own, and played there by this
same file. Its hashes are cached, because bits differ between kinds of processors but not between two runs on one: later comparisons only
play the working tree. The exit status is 1 if any case differs or fails.

The part that plays must work in both trees. It therefore uses only the names that `arena` exports, `arena.registry.entries`, and public
methods of the environments.
"""

import argparse
import contextlib
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import arena
from arena.registry import entries

BEFORE = "dc92ffe"
"""The revision before the refactoring."""

TURNS = 12
RULES = ("simultaneous", "extragradient")
ROOT = Path(__file__).resolve().parent.parent

SMALL: dict[str, dict[str, Any]] = {
    "attack": {"batch": 8, "scored": 16, "steps": 2, "classifier.channels": (4, 8), "classifier.hidden": (16,)},
    "digits": {"batch": 8, "latent": 8, "generator.hidden": (16, 32), "discriminator.hidden": (32, 16)},
}
"""Settings that make a game fast; other games get a batch of 16."""

Members = tuple[dict[str, Any], ...]


class Row(NamedTuple):
    """A configuration to play.

    Args:
        name: Name, unique among the rows of a game.
        game: Id of the game.
        settings: Settings by dotted name.
        members: Settings of each member of a population; None means three seeds and two learning rates.
        ways: Ways of playing the row, keys of `WAYS`.
    """

    name: str
    game: str
    settings: dict[str, Any]
    members: Members | None = None
    ways: tuple[str, ...] = ("single", "population")


# The table ------------------------------------------------------------------------------------------------------------------------------

_GAN = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8)}
_TINY = {"extractor.hidden": (8, 8), "domain.hidden": (8,)}
_SOLVER = {"rule.incomplete": "accept", "rule.iterations": 3}
_OF_RULES: dict[str, dict[str, Any]] = {
    "competitive-gradient-descent": _SOLVER,
    "adaptive-competitive-gradient-descent": {**_SOLVER, "rule.epsilon": 0.1},
    "follow-the-ridge": {**_SOLVER, "rule.damping": 1.0},
    "unrolled": {"rule.steps": 2},
    "lookahead-minimax": {"rule.k": 3},
    "averaging": {"rule.start": 3},
}
_SINGLE, _RUN = ("single",), ("run",)
_LRS: Members = ({"seed": 3}, {"seed": 3, "generator.lr": 3e-3}, {"seed": 3, "discriminator.lr": 5e-3})
_DIGITS = {"source": "digits", "target": "shaded-digits", "batch": 6}
_NORMED = {**_DIGITS, "extractor": "six-convs"}
_CONVOLUTIONS = {
    **{"generator": "conv-generator", "generator.hidden": None, "generator.widths": (8, 4)},
    **{"discriminator": "conv-discriminator", "discriminator.hidden": None, "discriminator.widths": (4, 8)},
}
_PLAYED: dict[str, Any] = {"score.every": 6, "metrics.every": 6, "trace.every": 2, "checkpoint.every": 6}

_EXTRA = [
    # schedulers
    Row("alternating 2", "swiss-roll", {**_GAN, "scheduler": "alternating", "scheduler.ratio": 2}),
    Row("alternating -2", "bilinear", {"dim": 3, "scheduler": "alternating", "scheduler.ratio": -2}),
    Row("two-timescale", "ring", {**_GAN, "scheduler": "two-timescale", "scheduler.second": 0.3}),
    Row("warm-up", "dann", {**_TINY, "scheduler": "warm-up", "scheduler.fraction": 0.4}),
    Row("warm-up at coupling 0", "dann", {**_TINY, "scheduler": "warm-up", "scheduler.first": 1.0, "scheduler.coupled": False}),
    Row("balance", "dann", {**_TINY, "scheduler": "balance"}, ways=_SINGLE),
    # optimizers
    Row("sgd, momentum", "swiss-roll", {**_GAN, "generator.optimizer": "sgd", "generator.lr": 0.02, "generator.momentum": 0.5}),
    Row("rmsprop, adamw", "swiss-roll", {**_GAN, "generator.optimizer": "rmsprop", "discriminator.optimizer": "adamw"}),
    Row("sign, normalized", "swiss-roll", {**_GAN, "generator.optimizer": "sign", "discriminator.optimizer": "normalized"}),
    Row("extragradient, rmsprop", "swiss-roll", {**_GAN, "rule": "extragradient", "generator.optimizer": "rmsprop"}),
    Row("weight decay", "ring", {**_GAN, "generator.weight_decay": 0.1, "discriminator.optimizer": "sgd"}),
    # schedules of λ and of the learning rates
    Row("coupling linear", "swiss-roll", {**_GAN, "coupling": "linear", "coupling.start": 0.2, "coupling.end": 1.0}),
    Row("coupling cyclic", "regression", {"coupling": "cyclic", "coupling.cycles": 2}),
    Row("coupling cosine, rate step", "dann", {**_TINY, "coupling": "cosine", "extractor.schedule": "step"}),
    Row("rate inverse-decay", "dann", {**_TINY, "extractor.schedule": "inverse-decay", "domain.schedule": "dann-ramp"}),
    # losses, regularisers and buffers that a schedule sets
    Row("hinge, r1 every 2", "ring", {**_GAN, "loss": "hinge", "penalty": "r1", "penalty_every": 2, "scheduler": "alternating"}),
    Row("wasserstein, wgan-gp", "swiss-roll", {**_GAN, "loss": "wasserstein", "penalty": "wgan-gp", "rule": "extragradient"}),
    Row("relativistic, dragan", "swiss-roll", {**_GAN, "loss": "relativistic", "penalty": "dragan"}),
    Row("noise, smoothing", "ring", {**_GAN, "instance_noise": 0.3, "instance_noise_schedule": "linear", "label_smoothing": 0.1}),
    Row("pack, spectral norm", "swiss-roll", {**_GAN, "pack": 2, "discriminator.spectral_norm": True}),
    Row("clipped", "swiss-roll", {**_GAN, "discriminator.bound": 0.05, "rule": "optimistic"}),
    Row("metric", "ring", {**_GAN, "metric": "sliced-wasserstein"}),
    Row("convolutions", "digits", _CONVOLUTIONS),
    Row("channels last", "digits", {**_CONVOLUTIONS, "channels_last": True}, ways=_SINGLE),
    # joint losses, dropout and batch normalisation
    Row("own losses", "dann", {**_TINY, "jointly": False}),
    Row("own losses, alternating", "dann", {**_TINY, "jointly": False, "scheduler": "alternating", "rule": "optimistic"}),
    Row("joint, alternating rule", "dann", {**_TINY, "rule": "alternating"}),
    Row("source only", "dann", {**_TINY, "regime": "source-only"}),
    Row("lenet, dropout", "dann", {"domain": "domain-net", **_DIGITS}),
    Row("batch norm, concat", "dann", {**_NORMED, "bn_mode": "concat"}, ways=_SINGLE),
    Row("batch norm, separate", "dann", {**_NORMED, "bn_mode": "separate", "rule": "extragradient"}),
    Row("batch norm, per domain", "dann", {**_NORMED, "bn_mode": "per_domain"}),
    Row("per domain", "generate-to-adapt", {"bn_mode": "per_domain", "scheduler": "alternating"}),
    # the attack
    *(Row(regime, "attack", {"regime": regime}) for regime in ("natural", "noise", "augmentation")),
    Row("l2, normalized", "attack", {"norm": "l2", "epsilon": 1.0, "attacker.optimizer": "normalized"}),
    Row("amortized", "attack", {"attacker": "amortized-attacker", "attacker.optimizer": "adam"}),
    # how a turn is computed
    Row("float64", "swiss-roll", {**_GAN, "dtype": "float64"}),
    Row("bfloat16", "swiss-roll", {**_GAN, "autocast": "bfloat16"}, ways=_SINGLE),
    Row("micro batches", "swiss-roll", {**_GAN, "micro_batches": 2, "rule": "extragradient"}, ways=_SINGLE),
    Row("fresh batch", "swiss-roll", {**_GAN, "rule": "extragradient", "rule.batch": "fresh"}),
    Row("undefined", "swiss-roll", {**_GAN, "rule": "competitive-gradient-descent", "rule.iterations": 1}, ways=("single", "sorted")),
    # members that differ in more than the seed and the learning rate
    Row("one seed", "swiss-roll", _GAN, _LRS, ("population",)),
    Row(
        "turns differ", "swiss-roll", {**_GAN, "coupling": "linear"}, ({"turns": 5}, {"turns": 9, "seed": 1}, {}), ("population", "sorted")
    ),
    Row("schedulers differ", "ring", _GAN, ({"scheduler": "alternating"}, {"seed": 1}, {"coupling": "linear"}), ("population",)),
    Row("noise differs", "swiss-roll", _GAN, ({}, {"noise": 0.5}, {"seed": 1, "noise": 0.1}), ("population",)),
    Row("rules' numbers differ", "bilinear", {"dim": 2, "rule": "extragradient"}, ({}, {"rule.gamma": 0.5}, {"seed": 2}), ("population",)),
    Row("optimizers' numbers differ", "ring", _GAN, ({}, {"generator.betas": (0.3, 0.8)}, {"seed": 1}), ("population",)),
    Row("averages differ", "swiss-roll", {**_GAN, "rule": "averaging"}, ({}, {"rule.start": 4}, {"seed": 1}), ("population",)),
    # Gymnasium's interface, sorting into populations, and run folders
    *(Row("gymnasium", game, {"turns": 5, "score.every": 2}, ways=("step", "steps")) for game in ("bilinear", "swiss-roll", "dann")),
    Row("sorted", "swiss-roll", _GAN, (*_LRS, {"batch": 8}, {"rule": "extragradient"}, {"turns": 5}), ("sorted",)),
    Row("sorted, diverging", "bilinear", {"rule": "consensus"}, ({}, {"x.lr": 1e30}, {"seed": 1, "scheduler": "alternating"}), ("sorted",)),
    Row("run", "bilinear", {**_PLAYED, "turns": 30, "rule": "extragradient", "diagnostics.names": ("spectrum", "rotation")}, ways=_RUN),
    Row("run", "swiss-roll", {**_GAN, **_PLAYED, "score.every": 5, "diagnostics.names": ("rotation",)}, ways=_RUN),
    Row("run, alternating", "ring", {**_GAN, **_PLAYED, "scheduler": "alternating", "rule": "averaging"}, ways=_RUN),
    Row("run", "dann", {**_TINY, **_PLAYED, "score.every": 4, "rule": "simultaneous"}, ways=_RUN),
    Row("run that diverges", "bilinear", {**_PLAYED, "x.lr": 1e30, "y.lr": 1e30}, ways=_RUN),
    Row("run that is solved", "bilinear", {**_PLAYED, "turns": 200, "rule": "extragradient", "x.lr": 0.7, "y.lr": 0.7}, ways=_RUN),
]


def rows() -> list[Row]:
    """Return all rows: every game under two rules, every rule on two games, and the rest of the table."""
    known = {name: entry for name, entry in entries("game").items() if getattr(entry.target, "data_set", "digits") == "digits"}
    table = [Row(rule, game, {"rule": rule}) for game in known for rule in RULES]
    for rule in entries("rule"):
        table.append(Row(f"tiny {rule}", "swiss-roll", {**_GAN, "turns": 8, "rule": rule, **_OF_RULES.get(rule, {})}))
        table.append(Row(f"float64 {rule}", "quadratic", {"dtype": "float64", "rule": rule, **_OF_RULES.get(rule, {})}))
    return table + _EXTRA


# Playing --------------------------------------------------------------------------------------------------------------------------------


class Digest:
    """Hashes by part, with one hash for each turn's signals."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.turns: list[str] = []
        self.ended = "played"
        self.score: Any = None

    def add(self, part: str, things: Iterable[tuple[str, Any]]) -> None:
        """Hash named tensors, arrays, numbers or bytes."""
        self.parts[part] = _hash(things)

    def as_data(self) -> dict[str, Any]:
        whole = hashlib.sha256(json.dumps([self.parts, self.turns, self.ended]).encode()).hexdigest()
        return {"hash": whole, "parts": self.parts, "turns": self.turns, "ended": self.ended, "score": self.score}


def _hash(things: Iterable[tuple[str, Any]]) -> str:
    total = hashlib.sha256()
    for name, thing in things:
        total.update(f"{name}\0".encode())
        if isinstance(thing, bytes):
            total.update(thing)
            continue
        array = thing.detach().cpu().contiguous().numpy() if isinstance(thing, torch.Tensor) else np.asarray(thing)
        total.update(f"{array.dtype.str}{array.shape}\0".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    return ((name, np.asarray(values[name], dtype=np.float64)) for name in sorted(values))


def _state_of(environment: Any, digest: Digest) -> None:
    digest.add("parameters", environment.game.named_parameters())
    digest.add("buffers", environment.game.named_buffers())
    digest.add("moves", _numbers(environment.moves))


def _play(environment: Any, digest: Digest, turns: int) -> None:
    """Play turns, most of them measured, and hash their signals, scores, metrics and final state."""
    environment.reset()
    for turn in range(turns):
        try:
            environment.play_scheduled_turn(measure=turn % 3 != 2)
        except arena.ArenaError as error:
            digest.ended = f"{type(error).__name__} in turn {turn + 1}"
            break
        digest.turns.append(_hash(_numbers(environment.read_signals()))[:16])
    scores = environment.measure_scores() if hasattr(environment, "measure_scores") else environment.measure_score()
    digest.score = np.asarray(scores).tolist()
    digest.add("scores", [("score", np.asarray(scores, dtype=np.float64))])
    if hasattr(environment, "measure_metrics"):
        digest.add("metrics", _numbers(environment.measure_metrics()))
    _state_of(environment, digest)


def _step(environment: Any, digest: Digest, steps: int) -> None:
    """Step through episodes by Gymnasium's interface; a single game is reset at the end of each."""
    observation, _ = environment.reset(seed=3)  # later episodes take their seeds from the stream that this begins
    environment.action_space.seed(0)
    digest.turns.append(_hash([("observation", observation)])[:16])
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = environment.step(environment.action_space.sample())
        seen = [("observation", observation), ("reward", reward), ("terminated", terminated), ("truncated", truncated)]
        digest.turns.append(_hash(seen)[:16])
        if np.ndim(terminated) == 0 and (terminated or truncated):
            observation, _ = environment.reset()
            digest.turns.append(_hash([("observation", observation)])[:16])
    _state_of(environment, digest)


def _members(base: Any, given: Members | None) -> list[Any]:
    if given is not None:
        return [base.vary(own) for own in given]
    rate = next(name for name in base.flat() if name.endswith(".lr"))
    return [base, base.vary({"seed": 1}), base.vary({"seed": 2, rate: 1.5 * base.flat()[rate]})]


def _single(row: Row, base: Any, digest: Digest) -> None:
    _play(base.build(), digest, base.run.turns)


def _population(row: Row, base: Any, digest: Digest) -> None:
    configs = _members(base, row.members)
    _play(arena.Population(configs), digest, min(config.run.turns for config in configs))


def _single_steps(row: Row, base: Any, digest: Digest) -> None:
    _step(base.build(), digest, 2 * base.run.turns)


def _vector_steps(row: Row, base: Any, digest: Digest) -> None:
    _step(arena.Population(_members(base, row.members)), digest, 2 * base.run.turns)


def _sorted(row: Row, base: Any, digest: Digest) -> None:
    """Let `arena.populations` sort configurations that differ in structure, and hash the outcome of each."""
    outcomes = arena.populations(_members(base, row.members), every=4).play()
    for number, outcome in enumerate(outcomes):
        numbers = {"turns": outcome.turns, "score": outcome.score, **outcome.signals}
        digest.add(f"member {number}", [("status", outcome.status.encode()), *_numbers(numbers)])
    digest.score = [outcome.score for outcome in outcomes]


def _run(row: Row, base: Any, digest: Digest) -> None:
    """Play a run folder; its trace holds no times, so that equal runs write equal bytes."""
    quiet = {"trace.tensorboard": False, "picture.every": 0}
    with tempfile.TemporaryDirectory() as folder, _small_pictures():
        result = arena.play(row.game, out=Path(folder) / "run", display=False, **{**_settings(row), **quiet})
        trace = (Path(folder) / "run" / "trace.jsonl").read_bytes()
    digest.turns = [hashlib.sha256(line).hexdigest()[:16] for line in trace.splitlines()]
    digest.add("trace", [("trace", trace)])
    digest.ended, digest.score = str(result.status), result.score


@contextlib.contextmanager
def _small_pictures() -> Iterator[None]:
    """Draw the pictures that every run begins and ends with as small as possible."""
    import matplotlib as mpl

    with mpl.rc_context({"savefig.dpi": 20, "figure.dpi": 20}):
        yield


WAYS = {"single": _single, "population": _population, "step": _single_steps, "steps": _vector_steps, "sorted": _sorted, "run": _run}


def _settings(row: Row) -> dict[str, Any]:
    batch = {"batch": 16} if "batch" in arena.configure(row.game).flat() else {}
    merged = {"turns": TURNS, "threads": 1, "device": "cpu", **batch, **SMALL.get(row.game, {}), **row.settings}
    return {name: value for name, value in merged.items() if value is not None}


def play(games: Sequence[str] | None) -> dict[str, Any]:
    """Play the cases of some games, or of all, and return their digests by name."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cases: dict[str, Any] = {}
    for row in rows():
        if games is not None and row.game not in games:
            continue
        for way in row.ways:
            digest, began = Digest(), time.perf_counter()
            try:
                WAYS[way](row, arena.configure(row.game, _settings(row)), digest)
            except Exception as error:
                digest.ended = f"failed: {type(error).__name__}: {error}"
            name = f"{row.game} | {row.name} | {way}"
            if name in cases:
                raise ValueError(f"two rows have the name {name}")
            cases[name] = {"game": row.game, "seconds": round(time.perf_counter() - began, 2), **digest.as_data()}
            if sys.stderr.isatty():
                print(f"\r{len(cases):4} {name:.90}\033[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return cases


# Comparing ------------------------------------------------------------------------------------------------------------------------------


def processor() -> str:
    """Describe the processor as far as bits depend on it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().split("\n\n")[0].splitlines() if info.is_file() else []
    kept = [line for line in lines if line.startswith(("vendor_id", "cpu family", "model", "stepping", "flags"))]
    return " ".join([*kept, platform.machine(), platform.processor(), torch.backends.cpu.get_cpu_capability()])


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def worktree(revision: str) -> Iterator[tuple[Path, Path]]:
    """Check a revision out into a temporary folder, install it into an environment of its own, and yield the folder and its interpreter."""
    with tempfile.TemporaryDirectory(prefix="same-bits-") as folder:
        tree, environment = Path(folder) / "tree", Path(folder) / "environment"
        _git("worktree", "add", "--detach", str(tree), revision)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
            python = environment / "bin" / "python"
            script = "import sysconfig; print(sysconfig.get_path('purelib'))"
            packages = Path(subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip())
            ours = [path for path in sys.path if path.rstrip("/").endswith(("site-packages", "dist-packages"))]
            (packages / "dependencies.pth").write_text("\n".join(ours) + "\n")
            install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-build-isolation"]
            quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}
            installed = subprocess.run(
                [*install, "--ignore-installed", "--editable", str(tree)], env=quiet, capture_output=True, text=True, check=False
            )
            if installed.returncode:
                sys.exit(f"installing {revision} failed: {installed.stderr[-2000:]}")
            yield tree, python
        finally:
            _git("worktree", "remove", "--force", str(tree))


def hashes(python: Path, tree: Path, games: Sequence[str] | None) -> dict[str, Any]:
    """Play the cases of some games, or of all, with an interpreter that imports `arena` from a tree, in a process of its own.

    Raises:
        SystemExit: The interpreter imports `arena` from elsewhere, or the process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hashes.json"
        chosen = ["--games", *games] if games is not None else []
        # -I keeps this file's folder and the present one off the path, because they hold modules called `tuning` and `games`.
        command = [str(python), "-I", str(Path(__file__).resolve()), "--hashes", str(file), *chosen]
        done = subprocess.run(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
        if done.returncode:
            sys.exit(f"playing {tree} failed with exit status {done.returncode}")
        played = json.loads(file.read_text())
    if not Path(played["arena"]).is_relative_to(tree.resolve()):
        sys.exit(f"{python} imports {played['arena']}, which is not in {tree}. Fix: pip install -e {tree} into that environment.")
    return played["cases"]


def before(revision: str, games: Sequence[str] | None, keep: Path) -> dict[str, Any]:
    """Return the digests of a revision for some games, or for all, from the cache folder `keep` if it has them."""
    key = "\n".join([_git("rev-parse", revision), Path(__file__).read_text(), processor(), torch.__version__, platform.python_version()])
    file = keep / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    cached = json.loads(file.read_text()) if file.is_file() else {"complete": False, "cases": {}}
    held = {case["game"] for case in cached["cases"].values()}
    if not cached["complete"] and (games is None or not held.issuperset(games)):
        print(f"playing {revision} in a worktree of its own; its hashes are kept in {file}", file=sys.stderr)
        with worktree(revision) as (tree, python):
            cached["cases"] |= hashes(python, tree, games)
        cached["complete"] = games is None
        keep.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(cached, indent=1))
        partial.replace(file)
    return {name: case for name, case in cached["cases"].items() if games is None or case["game"] in games}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the parts in which two digests differ, and the first turn."""
    if old["ended"] != new["ended"]:
        return f"ended: {old['ended']} → {new['ended']}"
    parts = [part for part in {**old["parts"], **new["parts"]} if old["parts"].get(part) != new["parts"].get(part)]
    turns = [number for number, pair in enumerate(zip(old["turns"], new["turns"], strict=False), 1) if pair[0] != pair[1]]
    if turns or len(old["turns"]) != len(new["turns"]):
        parts.append(f"signals from turn {turns[0] if turns else 1 + min(len(old['turns']), len(new['turns']))} on")
    return ", ".join(parts)


def _short(score: Any) -> str:
    values = score if isinstance(score, list) else [score]
    return " ".join("nan" if value is None or math.isnan(value) else f"{value:.9g}" for value in values)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Print the differences as Markdown and return the number of cases that differ, fail or are missing."""
    lines, fresh = [], [name for name in new if name not in old]
    for name, case in new.items():
        if case["ended"].startswith("failed"):
            lines.append(f"| {name} | {case['ended'][:200]} | | |")
        elif name in old and case["hash"] != old[name]["hash"]:
            lines.append(f"| {name} | {difference(old[name], case)} | {_short(old[name]['score'])} | {_short(case['score'])} |")
    lines += [f"| {name} | missing | {_short(old[name]['score'])} | |" for name in old if name not in new]
    if lines:
        print("| game | row | way | what differs | score before | score now |\n|---|---|---|---|---|---|")
        print("\n".join(lines))
    print(f"{len(new) - len(fresh)} cases compared, {len(lines)} differ" + (f"; new: {', '.join(fresh)}" if fresh else ""))
    return len(lines)


def main() -> int:
    """Compare the working tree with a revision; or, in the inner process, write hashes to a file."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.same_bits", description=(__doc__ or "").split("\n\n")[0])
    words.add_argument("--against", default=BEFORE, metavar="REV", help="revision to compare with (default: %(default)s)")
    words.add_argument("--games", nargs="+", metavar="GAME", help="play these games only")
    words.add_argument("--keep", type=Path, metavar="FOLDER", help="folder for the hashes of revisions (default: the user's cache)")
    words.add_argument("--slowest", action="store_true", help="also print the ten slowest cases")
    words.add_argument("--hashes", type=Path, metavar="FILE", help="play the arena that this interpreter imports, and write its hashes")
    given = words.parse_args()
    if unknown := set(given.games or ()) - {row.game for row in rows()}:
        words.error(f"no row plays {', '.join(sorted(unknown))}; there are {', '.join(sorted({row.game for row in rows()}))}")
    if given.hashes:
        given.hashes.write_text(json.dumps({"arena": str(Path(arena.__file__).resolve()), "cases": play(given.games)}, indent=1))
        return 0
    import platformdirs

    keep = given.keep or Path(platformdirs.user_cache_dir("arena")) / "same-bits"
    old = before(given.against, given.games, keep)
    began = time.perf_counter()
    new = hashes(Path(sys.executable), ROOT, given.games)
    print(f"the working tree took {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if given.slowest:
        for name in sorted(new, key=lambda name: -new[name]["seconds"])[:10]:
            print(f"{new[name]['seconds']:6.1f} s  {name}")
    return 1 if compare(old, new) else 0


if __name__ == "__main__":
    sys.exit(main())
