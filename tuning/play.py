"""Play a sweep by its backend, or continue it, and write its report.

The folder of a sweep holds `sweep.yaml` (what is played: `arena sweep --config FOLDER/sweep.yaml` does it again), `trials/` (a file for
each that has ended), and the report: `trials.csv`, `importance.csv`, `tolerance.csv`, `best.yaml`, pictures, TensorBoard's HParams.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.experiments.ledger import read_all, repair
from arena.experiments.values import Seeds, parse_seeds
from arena.runs.folders import disk_errors
from arena.runs.processes import cores
from arena.tuning.backends.base import Tell, backend
from arena.tuning.options import Options
from arena.tuning.plan import Sweep, begin, plan
from arena.tuning.played import Played, trials_of_sweep
from arena.tuning.space import parse_space


def sweep(
    game: str,
    vary: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    out: str | Path | None = None,
    seeds: Seeds | None = None,
    options: Options | None = None,
    settings: Mapping[str, Any] | None = None,
    **chosen: Any,
) -> Played:
    """Play points of a space, each with several seeds, and report which settings matter.

    Args:
        game: id, import path or file of a game.
        vary: values by setting, such as `{"generator.lr": "log:1e-5:1e-2"}`; None takes the game's own space.
        out: the folder, which must not exist; None numbers one under `runs/`.
        seeds: seeds of each point: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes those of the options.
        options: how the sweep is played.
        settings: of all points.
        chosen: options by name (`trials=20`, `backend="population"`), instead of `options`.

    Raises:
        ArenaError: before anything starts, for input that cannot be used.

    Example:
        >>> import tempfile
        >>> found = sweep("bilinear", {"x.lr": "log:0.01:0.3", "y.lr": "log:0.01:0.3"}, trials=4, seeds=(0,), backend="population",
        ...               settings={"turns": 20, "rule": "extragradient"}, out=tempfile.mkdtemp() + "/s")
        >>> len(found.records), found.best.status
        (4, 'finished')
    """
    options = options or Options(**chosen)
    if seeds is not None:
        options = dataclasses.replace(options, seeds=parse_seeds(seeds))
    made = plan(game, settings or {}, (), None if vary is None else parse_space(vary), options)
    return finish(made, begin(made, out))


def finish(made: Sweep, folder: Path, workers: int | None = None, tell: Tell = lambda record: None) -> Played:
    """Play the trials that are left, and write the report.

    Args:
        made: the sweep.
        folder: of the sweep.
        workers: processes; None takes the number of the sweep, or one for each core.
        tell: called with each trial that has ended.

    Raises:
        RunFailed: if a process or a disk failed. Trials that have ended are kept.
        KeyboardInterrupt: after Ctrl-C. Trials that have ended are kept.
    """
    with disk_errors("the sweep", folder):
        repair(folder)
    backend(made.options.backend)(made, folder, workers or made.options.workers or cores(), tell)
    return report(made, folder)


def report(made: Sweep, folder: Path) -> Played:
    """Write the report of a sweep."""
    from arena.tuning.report.writing import write_report

    records = read_all(folder)
    return Played(folder, made, records, write_report(made.space, trials_of_sweep(made, folder, records), folder))
