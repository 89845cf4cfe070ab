"""The experiments to which faults happen, and how they end if nothing happens to them."""

import contextlib
import io
import sys
from pathlib import Path

from arena.cli import main
from arena.experiments.ledger import read_all

RUN = ("play", "bilinear", "--turns", "400", "--trace.every", "5", "--checkpoint.every", "40", "--trace.tensorboard", "false")
EXPERIMENTS = {
    "play": RUN,
    "keep": (*RUN, "--checkpoint.keep", "20"),
    "compare": ("compare", "bilinear", "--vary", "rule=simultaneous,extragradient", "--seeds", "2", "--budget", "turns", *RUN[2:]),
    "map": ("map", "bilinear", "--vary", "x.lr=0.01:0.1:3", "--vary", "y.lr=0.01:0.1:3", "--members", "2", "--turns", "300"),
    "sweep": ("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--turns", "200", "--trials", "6", "--seeds", "1", "--sampler", "qmc"),
}
KEPT = {"play": "trace.jsonl", "keep": "trace.jsonl", "compare": "comparison.csv", "map": "map.csv", "sweep": "trials.csv"}
"""The file of each kind whose bytes must not depend on the fault."""


def command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "arena", *words]


def here(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and standard error."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


class Unbroken:
    """The folders of experiments to which nothing happens, each played once."""

    def __init__(self, folder: Path):
        self.folder = folder

    def of(self, kind: str) -> Path:
        out = self.folder / kind
        if not out.exists():
            code, said = here(*EXPERIMENTS[kind], *(() if kind in ("play", "keep") else ("--workers", "1")), "--out", str(out))
            assert code == 0, said
        return out

    def same(self, kind: str, folder: Path) -> bool:
        """Whether an experiment ended with the right numbers; durations and the processes of a sweep may differ."""
        if kind != "sweep":
            return (folder / KEPT[kind]).read_bytes() == (self.of(kind) / KEPT[kind]).read_bytes()
        ours, whole = ({str(r.point): r.values for r in read_all(place) if r.status != "lost"} for place in (folder, self.of(kind)))
        return ours == whole
