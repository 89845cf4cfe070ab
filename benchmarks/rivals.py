"""Time ours against its rivals: the loop by hand, that loop under torch.compile, and JAX with optax; print the table as Markdown.

    python -m benchmarks.rivals                  # all rows, an hour or more on one core
    python -m benchmarks.rivals --quick          # few rounds and chunks: does every side still run?
    python -m benchmarks.rivals --row NAME       # one row: roll-64, roll-256, many-16, many-32, many-64, many-128, dann, mnist, …
    pip install 'two-player-arena[rivals,xla]'   # JAX and optax, torchax; a side that is not installed is left out, with the reason

Every side is a process of its own on one core, and all sides of a row on the same one. They play in turns, chunk by chunk, so that only one
computes at a time. A round is one move of each player. Nets, data, optimizer and number of draws are the same; numbers are rounds per
second, of all members together, medians of the chunks. The time of a loop by hand for many members is that for one, times their number.
The ratio is the median over the chunks of ours by XLA over JAX. The loss of each role after the first rounds, printed below a row, shows
that the sides play the same game: the mean over the last rounds and over members. (The loss of DANN's extractor is that of the labels minus
half that of the domains.)
"""

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from arena.config import configure
from arena.engine.vector_env import Population
from benchmarks import processor, show_help

SIDES = ("by hand", "by hand, compiled", "JAX", "ours", "ours, compiled", "ours, XLA")
LAST = 50
"""Rounds over whose losses the check takes the mean."""


class Side(Protocol):
    """One side of a row, in its own process."""

    def play(self, rounds: int) -> None:
        """Play rounds."""

    def losses(self) -> dict[str, float]:
        """Play some rounds and return the mean loss of each role."""


class Row(NamedTuple):
    """A row of the table.

    Args:
        what: Its name in the table.
        members: Number of members.
        turns: Turns of ours in a round.
        ours: Game and settings of ours.
        hand: Builds the loop by hand, compiled or not.
        jax: Builds the side in JAX.
        checked: Rounds before the losses are compared.
    """

    what: str
    members: int
    turns: int
    ours: tuple[str, dict[str, Any]]
    hand: Callable[[bool], Any]
    jax: Callable[[], Any]
    checked: int = 2000


def rates(members: int) -> list[float]:
    """Return the members' learning rates."""
    return [1e-3 * (1 + k / members) for k in range(members)]


def rows() -> dict[str, Row]:
    """Return all rows by name."""
    from benchmarks import loops

    constant = {f"{role}.schedule": "constant" for role in ("generator", "discriminator")}
    table = {}
    for batch in (64, 256):
        table[f"roll-{batch}"] = _roll(128, batch, 1)
    for width, batch in ((16, 32), (32, 64), (64, 64), (128, 256)):
        table[f"many-{width}"] = _roll(width, batch, 64)._replace(checked=2000 if width < 128 else 400)
    adam = {
        f"{role}.{name}": v
        for role in ("extractor", "domain")
        for name, v in (("lr", 1e-3), ("betas", (0.9, 0.999)), ("schedule", "constant"))
    }
    table["dann"] = Row(
        "DANN on moons, 64 members, batch 64",
        *(64, 1),
        ("dann", {**adam, "batch": 64, "coupling": 0.5, "scheduler": "simultaneous"}),
        lambda compiled: loops.moons_dann(compiled=compiled),
        lambda: _jax("dann", "jointly", [1e-3] * 64, 64),
    )
    table["mnist"] = Row(
        "fully connected MNIST GAN, batch 100",
        *(1, 2),
        ("mnist", constant),
        lambda compiled: loops.image_gan(_mnist_folder(), compiled=compiled),
        lambda: _jax("mnist", "alternating", [2e-4], _mnist_images(), 100),
    )
    for rule in ("extragradient", "consensus"):
        table[rule] = Row(
            f"{rule} on the ring, 2-128-128, batch 256",
            *(1, 1),
            ("ring", {**constant, "rule": rule, "scheduler": "simultaneous", "batch": 256}),
            lambda compiled, rule=rule: loops.ring_by(rule, compiled=compiled),
            lambda rule=rule: _jax("ring", rule, [1e-3], 256),
        )
    for game in ("dirac", "bilinear"):
        table[game] = Row(f"{game}, one game", 1, 1, (game, {"scheduler": "simultaneous"}), lambda compiled: None, lambda: None)
    return table


def _roll(width: int, batch: int, members: int) -> Row:
    from benchmarks.loops import planar_gan

    constant = {f"{role}.schedule": "constant" for role in ("generator", "discriminator")}
    nets = {"generator.hidden": (width, width), "discriminator.hidden": (width, width)}
    what = f"{members} members of 2-{width}-{width}, batch {batch}" if members > 1 else f"one game, 2-{width}-{width}, batch {batch}"
    return Row(
        what,
        *(members, 2),
        ("swiss-roll", {**nets, **constant, "batch": batch}),
        lambda compiled: planar_gan(batch, width, compiled=compiled),
        lambda: _jax("swiss_roll", "alternating", rates(members) if members > 1 else [1e-3], width, batch),
    )


def _jax(game: str, round_: str, rates: list[float], *arguments: Any) -> Any:
    from benchmarks import jax_games

    return jax_games.Playing(getattr(jax_games, game)(*arguments), getattr(jax_games, round_), rates)


def _mnist_folder() -> str:
    from benchmarks.bench import _extracted

    return _extracted(Path(os.environ["ARENA_DATA"]), Path(tempfile.mkdtemp()))


def _mnist_images() -> Any:
    from arena.games.data.images import mnist

    return mnist()["x_train"].reshape(-1, 784).astype("float32") / 127.5 - 1


class Hand:
    """A loop by hand."""

    def __init__(self, row: Row, compiled: bool):
        self.rounds = row.hand(compiled)
        if self.rounds is None:
            raise RuntimeError("not written by hand")

    def play(self, rounds: int) -> None:
        for _ in range(rounds):
            self.values = next(self.rounds)

    def losses(self) -> dict[str, float]:
        sums: dict[str, float] = {}
        for _ in range(LAST):
            for role, loss in next(self.rounds).items():
                sums[role] = sums.get(role, 0.0) + float(loss) / LAST
        return sums


class InJax:
    """JAX's own side."""

    def __init__(self, row: Row):
        if importlib.util.find_spec("optax") is None:
            raise RuntimeError("optax is not installed: pip install 'two-player-arena[rivals]'")
        self.playing = row.jax()
        if self.playing is None:
            raise RuntimeError("not written in JAX")
        self.play = self.playing.play

    def losses(self) -> dict[str, float]:
        self.play(10)
        return self.playing.losses()


class Ours:
    """Ours: plain, compiled, or by XLA; signals are read every hundred turns, as in any run, to detect divergence."""

    def __init__(self, row: Row, compile: Any):
        name, settings = row.ours
        base = configure(name, {**settings, "turns": 10**7, "until_solved": False, "compile": compile})
        self.turns = row.turns
        if row.members == 1:
            self.playing: Any = base.build()
            self.playing.reset(seed=0)
        else:
            roles = [role for role in base.roles if name == "swiss-roll"]
            changes = [{"seed": k, **{f"{role}.lr": rate for role in roles}} for k, rate in enumerate(rates(row.members))]
            self.playing = Population([base.vary(change) for change in changes], check_equivalence=False)
            self.playing.reset()

    def _clock(self) -> int:
        played = self.playing.turns_played
        return int(played if isinstance(played, int) else played.max())

    def play(self, rounds: int) -> None:
        until = self._clock() + rounds * self.turns
        while (now := self._clock()) < until:
            self.playing.play_scheduled_turns(min(until - now, 100 - now % 100))
            if self._clock() % 100 == 0:
                self.playing.read_signals()

    def losses(self) -> dict[str, float]:
        sums: dict[str, float] = {}
        for _ in range(LAST):
            self.play(1)
            for name, value in self.playing.read_signals().items():
                if name.endswith(".loss"):
                    role = name.removesuffix(".loss")
                    sums[role] = sums.get(role, 0.0) + float(torch.as_tensor(value).double().mean()) / LAST
        return sums

    def why_not(self) -> str | None:
        """Return why nothing is compiled; None if it is."""
        for fast in (self.playing.field.compiled, self.playing.blocks):
            if fast is not None and fast.why_not:
                return str(fast.why_not)
        return None


def side(name: str, row: Row) -> Side:
    """Build a side."""
    if name == "JAX":
        return InJax(row)
    if name.startswith("by hand"):
        return Hand(row, "compiled" in name)
    return Ours(row, {"ours": False, "ours, compiled": True, "ours, XLA": "xla"}[name])


def serve(name: str, row: Row, quick: bool) -> None:
    """Play chunks as they are ordered, a number of rounds on each line; answer by seconds."""
    torch.set_num_threads(1)
    answer = lambda given: print(json.dumps(given), flush=True)  # noqa: E731
    began = time.perf_counter()
    try:
        made = side(name, row)
        made.play(12)
        cold = time.perf_counter() - began
        made.play(20 if quick else row.checked - 12 - LAST)
        losses = made.losses()
        why_not = made.why_not() if isinstance(made, Ours) else None
        if why_not:
            raise RuntimeError(why_not)
    except Exception as error:  # a side that cannot play must not lose the row
        answer({"why": " ".join(f"{error or type(error).__name__}".split())[:200]})
        return
    answer({"cold": cold, "losses": losses})
    for line in sys.stdin:
        began = time.perf_counter()
        made.play(int(line))
        answer(time.perf_counter() - began)


class Worker:
    """The process of a side."""

    def __init__(self, name: str, row: str, core: int, quick: bool):
        command = [sys.executable, "-m", "benchmarks.rivals", "--side", name, "--row", row, *(["--quick"] if quick else [])]
        threads = {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
        pinned = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
        environment = {**os.environ, **threads}
        self.process = subprocess.Popen(
            [*pinned, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.began = self._read()

    def _read(self) -> Any:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line else {"why": f"its process ended with {self.process.wait()}"}

    def seconds(self, rounds: int) -> float:
        """Return the seconds of so many rounds."""
        self.process.stdin.write(f"{rounds}\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return float(self._read())

    def end(self) -> None:
        """End the process."""
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def measure(name: str, row: Row, core: int, chunks: int, quick: bool) -> None:
    """Measure and print one row."""
    every = {side: Worker(side, name, core, quick) for side in SIDES if row.members == 1 or side != "ours"}
    workers = {side: worker for side, worker in every.items() if "why" not in worker.began}
    rounds = {
        side: max(row.members == 1 or 2, int((0.1 if quick else 0.5) / (worker.seconds(10) / 10))) for side, worker in workers.items()
    }
    speeds: dict[str, list[float]] = {side: [] for side in workers}
    for _ in range(chunks):
        for side, worker in workers.items():
            members = 1 if side.startswith("by hand") else row.members
            speeds[side].append(members * rounds[side] / worker.seconds(rounds[side]))
    cells = [row.what, *(f"{statistics.median(speeds[side]):,.0f}" if side in speeds else "–" for side in SIDES)]
    both = [ours / rival for ours, rival in zip(speeds.get("ours, XLA", []), speeds.get("JAX", []), strict=False)]
    cells.append(f"**{statistics.median(both):.2f}**" if both else "–")
    cells.append(
        ", ".join(f"{side} {workers[side].began['cold']:.1f} s" for side in ("JAX", "ours, compiled", "ours, XLA") if side in workers)
    )
    print(f"| {' | '.join(cells)} |", flush=True)
    checks = [f"{side}: " + ", ".join(f"{role} {loss:.3f}" for role, loss in w.began["losses"].items()) for side, w in workers.items()]
    missing = [f"{side}: not measured, {worker.began['why']}" for side, worker in every.items() if side not in workers]
    NOTES.extend([f"{row.what}, losses after {row.checked if not quick else 'few'} rounds. " + "; ".join(checks), *missing])
    for worker in workers.values():
        worker.end()


NOTES: list[str] = []
"""What is printed below the table."""


def main() -> None:
    """Print the table, or play one side of it."""
    arguments, quick = sys.argv[1:], "--quick" in sys.argv
    table = rows()
    given = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None  # noqa: E731
    chosen = given("--row")
    if chosen is not None and chosen not in table:
        raise SystemExit(f"benchmarks: there is no row '{chosen}', but {', '.join(table)}")
    if (one := given("--side")) is not None and chosen is not None:
        serve(one, table[chosen], quick)
        return
    versions = {name: _version(name) for name in ("torch", "jax", "optax", "torchax")}
    print(f"{processor()}, one core; Python {platform.python_version()}, {', '.join(f'{n} {v}' for n, v in versions.items())}\n")
    print(f"| rounds/s | {' | '.join(SIDES)} | ours, XLA ÷ JAX | first rounds |\n|{'---|' * (len(SIDES) + 3)}", flush=True)
    core = max(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
    for name, row in table.items():
        if chosen in (None, name):
            if name == "mnist" and not os.environ.get("ARENA_DATA"):
                NOTES.append(f"{row.what}: not measured, ARENA_DATA names no folder with MNIST/raw")
                continue
            measure(name, row, core, 3 if quick else 9, quick)
    print("\n" + "\n".join(f"- {note}" for note in NOTES), flush=True)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    show_help(__doc__)
    main()
