"""Open runs and experiments in TensorBoard, on this machine only.

arena tensorboard
arena tensorboard runs/swiss-roll-1 runs/swiss-roll-2 --open
"""

import contextlib
import io
import itertools
import json
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

from arena.errors import ArenaError, typed
from arena.runs.command_line import CommandLine
from arena.runs.signals import stopped_by

USAGE = """\
usage: arena tensorboard [FOLDER ...] [--port PORT] [--open]

Open runs and experiments in TensorBoard, on this machine only, until Ctrl-C. Runs that are being played are followed.

  FOLDER       a run folder, that of an experiment, or a folder of several (default: runs)
  --port PORT  the port (default: the first free one from 6006 on; 0: any free one)
  --open       open it in the browser"""

PINNED = ("players/loss", "score/score", "players/gradient_norm", "players/update_norm")
"""Charts at the top of the first page."""
EXPERIMENTS = "^(?!.*(/seed-[0-9]+|hparams/))"
"""Filter that leaves the runs of experiments out, which have a page of their own, as in `arena tensorboard runs/compare-ring-1`."""
SAMPLES = {"scalars": 10_000, "images": 200, "text": 200, "histograms": 200}
"""Most points of a chart, pictures, texts and distributions; TensorBoard alone keeps 1,000, 10, 10 and 500."""
RELOAD = 5
"""Seconds from one look at the files to the next."""

Application = Callable[[Any, Any], Iterable[bytes]]


def main(arguments: Sequence[str]) -> int:
    line = CommandLine([*arguments] or ["runs"], USAGE, "arena tensorboard")
    if line.exit_code is not None:
        return line.exit_code
    port = line.pop_number("port", "the number of a port, such as 6006; 0 for any free one", least=0)
    words = line.words
    shown, words = "--open" in words, [word for word in words if word != "--open"] or ["runs"]
    if unknown := next((word for word in words if word.startswith("-")), None):
        raise ArenaError(f"'{unknown[:60]}' is no option of `arena tensorboard`; it has --port PORT and --open")
    folders = [Path(word) for word in words]
    for folder in folders:
        _check(folder)
    whole = len(folders) == 1 and not _is_one(folders[0])
    with logdir(folders) as place, served(place, port, EXPERIMENTS if whole else "") as address:
        print(f"TensorBoard of {', '.join(map(typed, folders))} on {address}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        if shown and not webbrowser.open(address):
            print("There is no browser to open it in.", flush=True)
        _wait()
    return 0


@contextlib.contextmanager
def logdir(folders: Sequence[Path]) -> Iterator[Path]:
    """Yield a folder whose sub-folders have the names of the runs.

    TensorBoard names a run by its path in that folder, so that the run in the folder itself would be called `.`, and one in `runs/a` and
    `runs/b` by paths that say little. Runs and experiments that are named one by one are therefore linked from a folder of their own.
    """
    if len(folders) == 1 and not _is_one(folders[0]):
        yield folders[0].resolve()
        return
    with tempfile.TemporaryDirectory(prefix="arena-tensorboard-") as place:
        for folder in dict.fromkeys(folder.resolve() for folder in folders):
            others = (f"{folder.parent.name}-{folder.name}-{number}" for number in itertools.count(2))
            names = itertools.chain([folder.name, f"{folder.parent.name}-{folder.name}"], others)
            next(link for name in names if not (link := Path(place) / name).is_symlink()).symlink_to(folder)
        yield Path(place)


@contextlib.contextmanager
def served(place: Path, port: int | None = None, runs: str = "") -> Iterator[str]:
    """Serve TensorBoard on loopback within the block; yield its address.

    Args:
        place: Folder whose sub-folders are the runs.
        port: The port; None takes the first free one from 6006 on.
        runs: Regular expression of the runs that the first page shows; it can be changed there.

    Raises:
        ArenaError: The port is taken, or none is free.
    """
    from tensorboard import program

    servers = []

    def make(application: Application, flags: Any) -> Any:
        servers.append(program.create_port_scanning_werkzeug_server(to_the_players(application, runs), flags))
        return servers[-1]

    board = program.TensorBoard(server_class=make)
    samples = ",".join(f"{kind}={count}" for kind, count in SAMPLES.items())
    words = ["--logdir", str(place), "--host", "127.0.0.1", "--samples_per_plugin", samples, "--reload_interval", str(RELOAD)]
    board.configure(["", *words, *(["--port", str(port)] if port is not None else [])])
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # advice about its own options
            address = board.launch()
    except program.TensorBoardServerException as error:
        raise ArenaError(f"TensorBoard cannot be served: {error.msg}. Fix: arena tensorboard --port 0 takes any free port") from error
    try:
        yield address
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def to_the_players(application: Application, runs: str) -> Application:
    """Let the bare address lead to the page with the players' charts on top."""
    pins = json.dumps([{"plugin": "scalars", "tag": tag} for tag in PINNED], separators=(",", ":"))
    first = f"/?pinnedCards={quote(pins)}&smoothing=0" + (f"&runFilter={quote(runs)}" if runs else "")

    def answer(environ: Any, start: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in ("", "/") and not environ.get("QUERY_STRING"):
            start("302 Found", [("Location", first), ("Content-Length", "0"), ("Cache-Control", "no-store")])
            return [b""]
        return application(environ, start)

    return answer


def _is_one(folder: Path) -> bool:
    """Whether a folder is that of one run or one experiment."""
    return any((folder / name).is_file() for name in ("trace.jsonl", *(point.name for point in entry_points(group="arena.trials"))))


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise ArenaError(f"there is no folder {folder}. Fix: arena runs")
    if next(folder.rglob("events.out.tfevents.*"), None) is None:
        raise ArenaError(f"{folder} has no TensorBoard events. Fix: arena report {typed(folder)}, or play with --trace.tensorboard true")


def _wait() -> None:
    """Wait until a signal ends the command."""
    over = threading.Event()
    with stopped_by(lambda number, frame: over.set()):
        over.wait()
