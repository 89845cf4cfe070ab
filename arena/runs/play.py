"""Play a configured game to its end in a run folder, and resume it.

A run folder holds `config.yaml`, `trace.jsonl`, `pictures/`, `checkpoints/`, `picture.png`, `traces.png` and TensorBoard's events. A run
is a pure function of its configuration: if it is killed at any moment and resumed, it ends with the same bits.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file
from arena.config.settings import flatten
from arena.core.game import Game
from arena.diagnostics.active import Diagnostics
from arena.engine.env import Arena
from arena.errors import ArenaError, RunFailed
from arena.registry.trust import only
from arena.runs.budget import is_longer
from arena.runs.display import Display, Silent
from arena.runs.environment import recorded
from arena.runs.folders import check_own, disk_errors, new_folder
from arena.runs.locks import alone_in
from arena.runs.notebook import here
from arena.runs.pictures import draw_last, undrawn
from arena.runs.result import Result
from arena.runs.run import Run
from arena.trace.checkpoint import Checkpoints
from arena.trace.jsonl import rows_and_damage
from arena.trackers.active import construct
from arena.trackers.base import Tracker
from arena.trackers.tensorboard import Tensorboard

OnRow = Callable[[Mapping[str, Any]], bool | None]


def play(
    game: str | type[Game] | Game,
    *,
    out: str | Path | None = None,
    display: bool = True,
    config: str | Path | None = None,
    trust: bool = False,
    on_look: OnRow | None = None,
    trackers: Sequence[str | Tracker] = (),
    **settings: Any,
) -> Result:
    """Play a game to its end in a new run folder.

    Args:
        game: Id, import path or file of a game, a Game class, or a Game.
        out: Run folder, which must not exist; None numbers one under `runs/`.
        display: Show progress in the terminal.
        config: YAML file of settings; `settings` win over it.
        trust: Import code that the file names and that is not in the registry.
        on_look: Called with every row of the trace. It ends the run if it returns True or raises `StopRun`; the run is then saved, and its
            status is `stopped`. Any other error of it leaves the run saved, as if interrupted, and is raised.
        trackers: Receivers of the run, by name or as objects; `arena list trackers` lists them.
        settings: Settings by name, nested (`generator={"lr": 1e-4}`) or dotted (`**{"generator.lr": 1e-4}`); components may be objects.

    Raises:
        ArenaError: The input cannot be used (raised before the first turn), or the disk fails.

    Example:
        >>> import tempfile
        >>> result = play("bilinear", turns=20, out=tempfile.mkdtemp() + "/run", display=False, **{"trace.tensorboard": False})
        >>> result.status, result.turns
        ('finished', 20)
    """
    if isinstance(game, Config):
        raise ArenaError("a Config is a game with its settings, and play takes a game. Fix: arena.runs.play.start(config)")
    words = [tracker for tracker in trackers if isinstance(tracker, str)]
    mine = {"given": [tracker for tracker in trackers if not isinstance(tracker, str)], "on_look": on_look}
    settings = {**settings, **({"trackers": words} if words else {})}
    if config is None:
        return start(configure(game, settings), out, display=display, **mine)
    typed = [word for word in (game, *flatten(settings).values()) if isinstance(word, str)]
    with only(None if trust else typed):
        return start(configure(game, {**load_file(config), **settings}), out, display=display, **mine)


def start(config: Config, out: str | Path | None = None, *, display: bool | Display = True, **mine: Any) -> Result:
    """Play a configuration in a new run folder; under torchrun, together with the other processes."""
    arena = config.build()
    Diagnostics(config.group("diagnostics").names).check(arena.game)  # before there is a folder
    trackers = trackers_of(config, **mine)
    if arena.ranks is None:
        return _go(config, arena, _new_folder(config, out), trackers, display=display)
    arena.ranks.check_settings(config.dump())
    return _go(config, arena, arena.ranks.on_main(lambda: _new_folder(config, out)), trackers, display=display)


def trackers_of(config: Config, given: Sequence[Tracker] = (), on_look: OnRow | None = None) -> dict[str, Tracker]:
    """Return the trackers of a run by name, beside its trace; raise ArenaError if one cannot be used."""
    options = config.group("trace")
    board = {"tensorboard": Tensorboard(options.histograms)} if options.tensorboard else {}
    return {**board, **construct([word for word in config.run.trackers if word not in board], given, on_look)}


def resume(
    folder: str | Path,
    *,
    turns: int | None = None,
    display: bool = True,
    trust: bool = False,
    on_look: OnRow | None = None,
    trackers: Sequence[Tracker] = (),
) -> Result:
    """Continue a run from its latest checkpoint.

    Args:
        folder: Run folder.
        turns: Another turn budget, also of a run that is over because its turns were spent; schedules run over the new one.
        display: Show progress in the terminal.
        trust: Import code that the folder names and that is not in the registry, also if the run was not made here by this user.
        on_look: As in `play`.
        trackers: Receivers that were given as objects; those that were named are known.

    Raises:
        CheckpointUnusable: The latest checkpoint is damaged, or of another game or version.
        ArenaError: The folder is not a run, or the budget leaves no turn to play.
    """
    with only(None if trust else ()):
        return go_on(Path(folder), turns=turns, display=display, given=trackers, on_look=on_look)


def go_on(folder: Path, *, turns: int | None = None, display: bool | Display = True, **mine: Any) -> Result:
    """Continue a run whose code is trusted, with its progress in the terminal or on a display."""
    if not (folder / "config.yaml").is_file():
        raise ArenaError(f"{folder} is not a run folder (it has no config.yaml); give the folder that `arena play` named")
    check_own(folder)
    settings = load_file(folder / "config.yaml")
    game = settings.get("game")
    if not isinstance(game, str):
        raise ArenaError(f"{folder / 'config.yaml'} names no game; restore its line 'game: …'")
    over, config = ended(folder), configure(game, settings if turns is None else {**settings, "turns": turns})
    if over is not None and not is_longer(config, over):
        if undrawn(folder, over.status):
            arena = config.restored().build()
            arena.reset(seed=config.run.seed)
            with disk_errors("the pictures", folder):
                draw_last(arena.game, folder, over.ceiling, arena.metric_ceilings())
        return over
    config = config.restored() if Checkpoints(folder / "checkpoints").paths() else config
    return _go(config, config.build(), folder, trackers_of(config, **mine), display=display, resumed=True)


def _go(
    config: Config, arena: Arena, folder: Path, trackers: Mapping[str, Tracker], *, display: bool | Display, resumed: bool = False
) -> Result:
    is_main = arena.ranks is None or arena.ranks.is_main
    shown = (here() if display is True else display or Silent()) if is_main else Silent()
    run = Run(config, arena, folder, shown, trackers)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(disk_errors("the run", folder))
            if is_main:
                stack.enter_context(alone_in(folder))
            with recorded(folder, arena.device) if is_main else contextlib.nullcontext():
                result = run.go(resumed=resumed)
            shown.report(result)  # last, since the report of a run says how long it took
            return result
    except RunFailed:
        if run.trackers.error is not None:  # of the user's function, and not of the disk
            raise run.trackers.error from None
        raise


def _new_folder(config: Config, out: str | Path | None) -> Path:
    """Make the run folder and write the configuration into it."""
    return new_folder(out, config.game.name, "a run", {"config.yaml": config.dump()})


def ended(folder: Path) -> Result | None:
    """Return the result of a run that has ended, from the end row of its trace; None if it has not."""
    rows, _ = rows_and_damage(folder / "trace.jsonl")
    if not rows or rows[-1]["kind"] != "end":
        return None
    row = rows[-1]
    metrics, ceilings = ({n.partition(".")[2]: v for n, v in row.items() if n.startswith(f"{kind}.")} for kind in ("metrics", "ceilings"))
    status, turns, score, best, ceiling = (row[name] for name in ("status", "turn", "score", "best", "ceiling"))
    alarms = {row["alarm"]: (row["turn"], row["reason"]) for row in reversed(rows) if row["kind"] == "alarm" and row["raised"]}
    ends = status, turns, score, best, ceiling, row.get("reason"), None
    turn_of = {name: row[f"{name}_turn"] for name in ("score", "best", "metrics") if row.get(f"{name}_turn") is not None}
    judged, oracle = row.get("judged", "raw"), row.get("oracle", False)
    return Result(folder, *ends, metrics, ceilings, dict(reversed(alarms.items())), judged, turn_of, oracle)
