"""Play a map population by population, continue an interrupted one, and write its table and picture.

The folder of a map holds `config.yaml` (the plan: `arena map --config FOLDER/config.yaml` replays it), `map.csv` (one row for each run)
and `map.png`. Every population that ends is in `map.csv` before the next one begins.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from arena.engine.members.capacity import fitting, need
from arena.engine.vector_env import Population
from arena.errors import ArenaError, BadSetting, GameFault
from arena.experiments.map.plan import PLAN, TABLE, Key, Plan, begin, plan
from arena.experiments.map.played import Map
from arena.experiments.map.results import repaired, write
from arena.experiments.map.workers import LOOK, PlayGroup
from arena.experiments.outcome import Outcome
from arena.experiments.populations import Group, populations
from arena.experiments.values import Seeds, typed
from arena.runs.folders import disk_errors
from arena.runs.processes import cores
from arena.trace.writing import write_whole

AT_ONCE = 2**27
"""Largest size in bytes of one population on a CPU. A larger one is no faster, and loses more if it is stopped."""
FEWEST = 16
"""Smallest number of members of a population, if memory allows."""

Tell = Callable[[int, int, Sequence[Outcome]], None]


def play_map(
    game: str,
    vary: Mapping[str, str | Sequence[Any]],
    *,
    seeds: Seeds | None = None,
    settings: Mapping[str, Any] | None = None,
    members: int | str = "auto",
    out: str | Path | None = None,
    workers: int | None = None,
    **where: Any,
) -> Map:
    """Play a game in every cell of two settings, and draw its score.

    Args:
        game: id, import path or file of a game.
        vary: the values of two settings, as words such as `"log:1e-5:1e-1:32"` or as a list; the first is the
            horizontal axis.
        seeds: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes the seed of the settings.
        settings: settings that all cells share.
        members: the most members of one population, or auto.
        out: the folder, which must not exist; None numbers one under `runs/`.
        workers: processes; None uses one for each core.
        where: backend (processes, in-place or ray), address (of a running Ray cluster) and gpus (for each population).

    Raises:
        ArenaError: before anything starts, for input that cannot be used.

    Example:
        >>> import tempfile
        >>> found = play_map("bilinear", {"x.lr": [0.01, 0.1], "rule": "simultaneous,extragradient"}, settings={"turns": 50},
        ...                  workers=1, out=tempfile.mkdtemp() + "/m")
        >>> found.best.x, found.best.y
        (0.1, 'extragradient')
    """
    axes = typed(vary)
    if len(axes) != 2:
        raise ArenaError(
            f"a map varies {len(axes)} settings. Expected two. Fix: vary={{'generator.lr': '1e-5:1e-1:8', 'coupling': '0:1:8'}}"
        )
    found = plan(game, settings or {}, (), axes[0], axes[1], seeds, members, **where)
    count = workers or default_workers(found)
    return finish(sized(found, count), begin(found, out), count)


def default_workers(found: Plan) -> int:
    """Return the default number of processes: one for each core, or one for a GPU."""
    on_gpu = torch.device(found.config(found.keys[0]).run.device.replace("auto", "cpu")).type == "cuda"
    return 1 if on_gpu else cores()


def sized(found: Plan, workers: int) -> Plan:
    """Return the plan with a number of members instead of auto, so that a resumed map has the same populations.

    Raises:
        BadSetting: for a number of members that is not at least 1.
    """
    if found.members != "auto":
        if not isinstance(found.members, int) or found.members < 1:
            raise BadSetting("members", found.members, "auto, or a whole number of at least 1")
        return found
    found.members = max(1, len(found.keys) // len(found.seeds))
    try:
        one = Population([found.config(found.keys[0])])
        most = fitting(one, "auto") // workers
        if one.device.type == "cpu":
            most = min(most, max(FEWEST, AT_ONCE // max(need(one).bytes, 1)))
    except ArenaError:  # runs are played one by one
        return found
    found.members = max(1, min(most, math.ceil(found.members / workers)))
    return found


def groups(found: Plan) -> tuple[list[tuple[Group, list[Key]]], list[str]]:
    """Return the runs sorted into populations, and the reasons why some are played alone.

    They are sorted seed by seed, because members with the same seed share their batches.
    """
    sorted_, why = [], set()
    for seed in found.seeds:
        keys = [key for key in found.keys if key[2] == seed]
        made = populations([found.config(key) for key in keys], found.members, LOOK)
        sorted_ += [(group, [keys[i] for i in group.indices]) for group in made.groups]
        why |= set(made.why)
    return sorted_, sorted(why)


def finish(
    found: Plan, folder: Path, workers: int | None = None, tell: Tell = lambda group, turns, runs: None, explain: Any = lambda why: None
) -> Map:
    """Play the runs that are not in the table yet, and write the table and the picture.

    Args:
        found: the plan, with its number of members known.
        folder: the map's folder.
        workers: processes; None uses one for each core.
        tell: called with the number of a population, the turns that its members have played and, once it has ended, its runs.
        explain: called with each reason why games are played one by one.

    Raises:
        RunFailed: if a process died or a disk failed; populations that have ended are kept.
        KeyboardInterrupt: after Ctrl-C; populations that have ended are kept.
    """
    with disk_errors("the map", folder):
        write_whole(folder / PLAN, found.dump())
        runs = repaired(found, folder / TABLE)
        sorted_, why = groups(found)
        for reason in why:
            explain(reason)
        counts = [sum(found.config(key).run.turns for key in keys) for _, keys in sorted_]
        jobs, numbers = [], []
        for number, (group, keys) in enumerate(sorted_):
            if all(key in runs for key in keys):
                tell(number, counts[number], [runs[key] for key in keys])
            else:
                jobs.append((group.alone is None, keys))
                numbers.append(number)

        def ended(index: int, own: Sequence[Outcome]) -> None:
            runs.update(zip(jobs[index][1], own, strict=True))
            write(found, runs, folder / TABLE)
            tell(numbers[index], counts[numbers[index]], own)

        work = PlayGroup(folder.resolve())
        work.played_here(found)
        turns = lambda index, count: tell(numbers[index], count, ())  # noqa: E731
        found.play(work, jobs, ended, turns, folder, workers or default_workers(found))
        write(found, runs, folder / TABLE)
        made = finished(found, folder, runs)
        from arena import plots
        from arena.experiments.map.figure import draw

        plots.save(draw(made), made.picture)
    return made


def finished(found: Plan, folder: Path, runs: dict[Key, Outcome]) -> Map:
    """Return a map from its runs, with the score of real data if it is the same in all corners."""
    xs, ys, seed = found.x.values, found.y.values, found.seeds[0]
    corners = set[float | None]()
    for x, y in itertools.product((xs[0], xs[-1]), (ys[0], ys[-1])):
        with contextlib.suppress(GameFault):  # its runs have the reason
            corners.add(found.config((x, y, seed)).build().game.ceiling())
    return Map(folder, found, runs, corners.pop() if len(corners) == 1 else None)
