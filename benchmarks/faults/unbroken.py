"""The experiments to which faults happen, and how they end if nothing happens to them."""

import contextlib
import io
import sys
import time
from pathlib import Path

from arena.cli import main
from arena.experiments.ledger import read_all
from tests.support import commands

RUN = ("play", "bilinear", "--turns", "400", "--trace.every", "5", "--checkpoint.every", "40", "--trace.tensorboard", "false")
EXPERIMENTS = {
    "play": RUN,
    "keep": (*RUN, "--checkpoint.keep", "20"),
    "compare": ("compare", "bilinear", "--vary", "rule=simultaneous,extragradient", "--seeds", "2", "--budget", "turns", *RUN[2:]),
    "map": ("map", "bilinear", "--vary", "x.lr=0.01:0.1:3", "--vary", "y.lr=0.01:0.1:3", "--members", "2", "--turns", "300"),
    "sweep": ("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--turns", "200", "--trials", "6", "--seeds", "1", "--sampler", "qmc"),
}
EXPERIMENTS["pictures"] = (
    *("play", "swiss-roll", "--turns", "60", "--picture.every", "20", "--trace.every", "5", "--checkpoint.every", "20"),
    *("--batch", "8", "--generator.hidden", "8", "--discriminator.hidden", "8"),
)
EXPERIMENTS["report"] = (
    *("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--vary", "y.lr=log:0.01:0.1", "--turns", "50", "--trials", "10"),
    *("--seeds", "1", "--sampler", "qmc", "--backend", "population"),
)
KEPT = {"compare": "comparison.csv", "map": "map.csv", "sweep": "trials.csv"} | dict.fromkeys(("play", "keep", "pictures"), "trace.jsonl")
"""The file of each kind whose bytes must not depend on the fault."""


MARKS = {"compare": "comparison.yaml", "map": "map.csv", "sweep": "sweep.yaml", "play": "config.yaml"}
"""The file with which the folder of each command begins."""


def words_of(kind: str, workers: int = 1) -> tuple[str, ...]:
    """Return the command line of a kind, such as `sweep`, or `sweep, population` for one on a backend of its own."""
    kind, _, backend = kind.partition(", ")
    several = ("--workers", str(workers)) if EXPERIMENTS[kind][0] != "play" else ()
    return (*EXPERIMENTS[kind], *several, *(("--backend", backend) if backend else ()))


def begun(kind: str, folder: Path) -> bool:
    """Whether the folder of an experiment has the file with which it begins."""
    return (folder / MARKS[EXPERIMENTS[kind][0]]).exists()


def command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "arena", *words]


def here(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and standard error."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


class Unbroken:
    """The experiments to which nothing happens, each played once.

    Args:
        folder: in which they are played.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._seconds: dict[str, float] = {}

    def of(self, kind: str) -> Path:
        """Return the folder of a kind."""
        out = self.folder / kind
        if not out.exists():
            code, said = here(*words_of(kind), "--out", str(out))
            assert code == 0, said
        return out

    def seconds(self, kind: str) -> float:
        """Return the seconds that a process with two workers takes from the first sign of its folder to its end."""
        if kind not in self._seconds:
            out = self.folder / "timed" / kind
            with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=self.folder) as process:
                while not out.exists() and process.poll() is None:
                    time.sleep(0.002)
                began = time.monotonic()
                assert process.wait(600) == 0, process.output()
            self._seconds[kind] = time.monotonic() - began
        return self._seconds[kind]

    @staticmethod
    def kept(kind: str) -> str:
        """Return the file whose bytes must not depend on the fault."""
        return KEPT[kind.partition(", ")[0]]

    def same(self, kind: str, folder: Path) -> bool:
        """Whether an experiment ended with the right numbers; durations and the processes of a sweep may differ."""
        if not kind.startswith("sweep"):
            whole = self.of(kind)
            names = {path.relative_to(whole) for path in whole.rglob("trace.jsonl")} | {Path(self.kept(kind))}
            return all((folder / name).is_file() and (folder / name).read_bytes() == (whole / name).read_bytes() for name in names)
        ours, whole = ({str(r.point): r.values for r in read_all(place) if r.status != "lost"} for place in (folder, self.of(kind)))
        return ours == whole
