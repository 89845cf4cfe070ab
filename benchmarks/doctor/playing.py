"""Play settings in folders that are named by them, so that nothing is played twice and an interrupted benchmark goes on."""

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

Job = tuple[str, str]
"""A game, and its settings as JSON."""


def job_of(game: str, settings: Mapping[str, Any]) -> Job:
    """Return the job of a game and its settings."""
    return game, json.dumps(dict(settings), sort_keys=True)


def folder_of(job: Job, out: Path) -> Path:
    """Return the folder of a job's run."""
    return out / f"{job[0]}-{hashlib.sha256(job[1].encode()).hexdigest()[:16]}"


def play_all(jobs: Iterable[Job], out: Path, processes: int = 2) -> None:
    """Play what has not been played, in several processes, with the progress on stderr."""
    missing = [job for job in dict.fromkeys(jobs) if not (folder_of(job, out) / "played").is_file()]
    if not missing:
        return
    began = time.monotonic()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for done, future in enumerate(as_completed([pool.submit(play, job, out) for job in missing]), 1):
            future.result()
            print(f"\r{done} of {len(missing)} plays, {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def play(job: Job, out: Path) -> None:
    """Play one job without pictures, and mark its folder as played."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from arena.config import configure
    from arena.core.torch_settings import using_threads
    from arena.errors import ArenaError
    from arena.runs.display import Silent
    from arena.runs.run import Run

    folder = folder_of(job, out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(job[1]).items()}
    try:
        config = configure(job[0], settings)
        (folder / "config.yaml").write_text(config.dump(), encoding="utf-8")
        run = Run(config, config.build(), folder, Silent())
        del run.every["picture"]
        with using_threads(1):
            run.open()
            for _ in run.turns():
                pass
        run.close()
    except ArenaError as error:
        (folder / "error").write_text(str(error), encoding="utf-8")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    (folder / "played").touch()
