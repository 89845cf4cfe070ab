"""One run in one folder: its records, its checkpoints and its end.

A run is a pure function of its configuration. If it is killed at any moment and resumed, it ends with the same bits.
"""

import contextlib
import math
import signal
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from arena.accelerate.autocast import multiplications
from arena.alarms.active import Alarms
from arena.config.config import Config
from arena.core.torch_settings import using_threads
from arena.diagnostics.active import Diagnostics
from arena.engine.env import Arena
from arena.engine.playing import play, stepper
from arena.errors import CheckpointDamaged, GameFault, RuleUndefined, RunFailed, typed
from arena.runs.blame import blame
from arena.runs.display import Display
from arena.runs.pictures import draw, draw_last, keep_position, positions_of
from arena.runs.result import Result
from arena.runs.signals import stopped_by
from arena.runs.state import check_beginning, restore, started, state_of
from arena.runs.status import Status, status_of_error
from arena.trace import repair
from arena.trace.checkpoint import Checkpoints, Kind
from arena.trackers.active import Trackers
from arena.trackers.base import Tracker
from arena.trackers.jsonl import Trace, Unwritten

_MEASURED = ("game.", "rule.", "diagnostics.", "metrics.", "ceilings.")


class Run:
    """One run in one folder.

    Args:
        config: The configuration.
        arena: The arena built from it.
        folder: Existing folder of this run alone.
        display: Receives the progress.
        trackers: By name, receivers of the rows, pictures and the end, beside the trace.
    """

    def __init__(self, config: Config, arena: Arena, folder: Path, display: Display, trackers: Mapping[str, Tracker] | None = None):
        self.config, self.arena, self.folder, self.display = config, arena, folder, display
        self.settings = config.dump()
        self.ranks = arena.ranks
        self.is_main = self.ranks is None or self.ranks.is_main  # the first of several processes writes
        self._others = dict(trackers or {}) if self.is_main else {}
        self.trackers = Trackers({})
        checkpoint = config.group("checkpoint")
        self.checkpoints = Checkpoints(folder / "checkpoints", checkpoint.keep)
        self.every = {name: config.group(name).every for name in ("trace", "score", "metrics", "picture", "checkpoint")}
        options = config.group("diagnostics")
        self.diagnostics = Diagnostics(options.names)
        if self.diagnostics:
            self.every["diagnostics"] = options.every or self.every["score"]
        alarms = config.group("alarms")
        self.alarms, self._fatal = Alarms(alarms.names, arena.game), alarms.stop
        self._keeps_best = checkpoint.best
        self.best: float | None = None
        self.judged = "raw"
        self.ceiling: float | None = None
        self.metrics, self.ceilings, self.turn_of = dict[str, float](), dict[str, float](), dict[str, int]()
        self.ended: Status | None = None
        self._stop: int | None = None
        self._said: set[str] = set()

    def go(self, *, resumed: bool = False) -> Result:
        """Play until the turns are spent, the game is solved or diverges, or a signal stops the run.

        Raises RunFailed if the disk fails; earlier checkpoints are intact.
        """
        try:
            with using_threads(self.config.run.threads), multiplications(self.config.run.tf32), self._signals():
                return self._go(resumed)
        except OSError as error:
            file, reason = error.filename or f"a file in {self.folder}", error.strerror or str(error)
            stopped = f"the run stopped at turn {self.arena.turns_played:,} because {file} could not be written ({reason})"
            raise RunFailed(f"{stopped}. Fix that, then: arena resume {typed(self.folder)}") from error

    def _go(self, resumed: bool) -> Result:
        arena = self.arena
        self.open(resumed=resumed)
        self.display.begin(self.config, self.folder, arena)
        turns = self.turns(resumed=resumed)
        try:
            while True:
                next(turns)
        except StopIteration as over:
            status: Status = over.value
        except (RuleUndefined, GameFault) as error:
            self._end(status_of_error(error), str(error))
            raise
        finally:
            self.display.end()
            self.close()
        ends = status, arena.turns_played, self._score(status), self.best, self.ceiling, self._reason(status)
        arena.rest()
        told = self.metrics, self.ceilings, self.alarms.raised, self.judged, self._turn_of(status), arena.game.score_uses_oracle
        result = Result(self.folder, *ends, arena, *told)
        if status != "interrupted" and self.is_main:
            draw_last(self.arena.game, self.folder, self.ceiling, self.ceilings)
        return result

    def open(self, *, resumed: bool = False) -> None:
        """Reset the arena or restore the latest checkpoint, and open the trace."""
        arena = self.arena
        arena.reset(seed=self.config.run.seed)
        keep = self._restore() if resumed and self._has_checkpoint() else 0
        resumed = resumed and self._has_checkpoint()  # a run that was killed before its first checkpoint begins again
        if arena.episode.began:
            self.display.note(arena.episode.began)
        self.judged = arena.judged
        arena.game.path = arena.game.path if resumed else positions_of(arena)
        self.ceiling, self.ceilings = arena.game.ceiling(), arena.metric_ceilings()
        self.trace = Trace(keep) if self.is_main else Unwritten()
        self.trackers = Trackers({"trace": self.trace, **self._others})
        self.trackers.begin(started(self, resumed=resumed))

    def close(self) -> None:
        """Close the trace and the trackers; a run that has no end yet is interrupted."""
        self.trackers.end({"kind": "end", "turn": self.arena.turns_played, "status": "interrupted"})

    def turns(self, *, resumed: bool = False) -> Generator[None, None, Status]:
        """Play turn by turn and record what is due; the generator returns the status."""
        arena = self.arena
        window = min(self.every["trace"], 2 * arena.scheduler.period)  # with two successive updates of each player
        if not resumed or not self._has_checkpoint():
            self._look({name for name, period in self.every.items() if period or name != "picture"})
        elif self.ended is not None:  # and stopped before the end was written
            return self._end(self.ended)
        began, before = time.perf_counter(), arena.turns_played
        step = stepper(arena, arena.turns, self.every, window)
        for turn, regular in play(step, lambda: arena.turns_played, arena.turns, self.every):
            last = turn == arena.turns
            keep_position(arena)
            if due := {*self.every} if last else regular:
                self.display.rate = (turn - before) / (time.perf_counter() - began)
                if (ended := self._look(due)) is not None:
                    return self._end(ended)
            if (self._stop is not None if self.ranks is None else self.ranks.any(self._stop is not None)) and not last:
                self.display.note("stopping after this turn")  # not where the signal is handled, which may be in the middle of a line
                return self._interrupt()
            yield
        return self._end("finished")

    # Looking ----------------------------------------------------------------------------------------------------------------

    def _look(self, due: set[str]) -> Status | None:
        """Record what is due; return the status if the run ends here. Signals come first: non-finite players are never scored or saved."""
        arena = self.arena
        values = arena.read_signals()
        if self.ranks is not None:
            self.ranks.check_same("players", arena.game.parameters())
            self.ranks.check_same("batch", (t for t in tree_leaves(arena.batch) if isinstance(t, torch.Tensor)))
        if arena.divergence is not None:
            self._blame()
            self._row(values)
            return "diverged"
        self._say_why_not()
        if "score" in due:
            score, self.judged = arena.measure_score(), arena.judged
            better = math.isfinite(score) and (self.best is None or score < self.best)
            self.best = score if better else self.best
            self.turn_of |= dict.fromkeys(("score", "best") if better else ("score",), arena.turns_played)
        solved = "score" in due and self.config.run.until_solved and arena.is_solved()
        due = {*self.every} if solved else due  # everything is recorded at the end of a run
        looked = self._diagnose() if self.diagnostics and self.is_main and due & {"diagnostics", "picture"} else {}
        if "metrics" in due and (measured := arena.measure_metrics()):
            self.metrics, self.turn_of["metrics"] = measured, arena.turns_played
            looked |= {f"metrics.{name}": value for name, value in measured.items()}
            looked |= {f"ceilings.{name}": value for name, value in self.ceilings.items()}
        if looked or due & {"score", "trace"}:
            self._row(values | looked, scored="score" in due)
        if "picture" in due and self.is_main:
            self._picture(last=solved or arena.turns_played == arena.turns)
        stopped, error = self._asked_to_stop(), self.trackers.error
        self.ended = "solved" if solved else "alarmed" if self._fatal_alarm() else "stopped" if stopped and error is None else None
        if "score" in due and better and self._keeps_best:
            self._save("oracle" if arena.game.score_uses_oracle else "best")
        if "checkpoint" in due or stopped:
            self._save()
        if error is not None:
            raise error
        return self.ended

    def _asked_to_stop(self) -> bool:
        """Return whether a tracker has ended the run, or the user's function of its rows has failed."""
        asked = self.trackers.stopped is not None or self.trackers.error is not None
        return asked if self.ranks is None else bool(self.ranks.any(asked))

    def _fatal_alarm(self) -> str | None:
        """Return the raised alarm that ends the run, as a sentence."""
        names = [name for name in self._fatal if name in self.alarms.ringing]
        return f"{names[0]}: {self.alarms.ringing[names[0]]}" if names else None

    def _say_why_not(self) -> None:
        """Report once if compiled code, blocks or CUDA graphs were requested and are not available."""
        for fast in (self.arena.field.compiled, self.arena.blocks, self.arena.graphs):
            if fast is not None and fast.why_not is not None and fast.why_not not in self._said:
                self._said.add(fast.why_not)
                self.display.note(fast.why_not)

    def _row(self, values: Mapping[str, Any], scored: bool = False) -> None:
        arena = self.arena
        fresh = arena.signals.take_fresh()
        row: dict[str, Any] = {"kind": "turn", "turn": arena.turns_played, "progress": arena.progress, "coupling": values["coupling"]}
        row |= {"gradient_evaluations": arena.field.gradient_evaluations, "products": arena.field.products}
        row |= {name: value for name, value in values.items() if name in fresh or name.startswith(_MEASURED)}
        row |= arena.signals.take_window()
        for role in arena.game.roles:
            row[f"{role}.learning_rate"] = arena.learning_rate(role)
            row[f"{role}.share"] = arena.latest_share[role]
            row[f"{role}.moves"] = arena.moves[role]
        if scored:
            row |= {"score": arena.last_score, "best": self.best, "best_turn": self.turn_of.get("best"), **self._judged()}
            row |= {"ceiling": self.ceiling} if self.ceiling is not None else {}
        changes = self.alarms.look(row)
        self.trackers.look(row)
        for change in changes:
            raised = {"kind": "alarm", "turn": row["turn"], "alarm": change.name, "raised": change.raised}
            self.trackers.alarm(raised | ({"reason": change.reason} if change.raised else {}))
            self.display.note(f"turn {row['turn']:,}: {change.sentence}")
        self.display.row(row, self.alarms.ringing)

    def _diagnose(self) -> dict[str, Any]:
        row = self.diagnostics.measure(self.arena)
        for name in [name for name in row if name.endswith(".failure")]:
            self.display.note(row[name])
        return row

    def _picture(self, *, last: bool) -> None:
        game, scored = self.config.game.name, self.turn_of.get("score")
        draw(self.arena, self.folder, game, scored, self.ceiling, self.diagnostics.figures(self.arena), self.trackers.picture, last=last)

    # Ending -----------------------------------------------------------------------------------------------------------------

    def _end(self, status: Status, reason: str | None = None) -> Status:
        row: dict[str, Any] = {"kind": "end", "turn": self.arena.turns_played, "status": status}
        if reason := reason or self._reason(status):
            row["reason"] = reason
        oracle = {"oracle": True} if self.arena.game.score_uses_oracle else {}
        row |= {"score": self._score(status), "best": self.best, "ceiling": self.ceiling, **self._judged(), **oracle}
        self.metrics = self.metrics if status in ("finished", "solved") else {}  # only then were they measured at the end
        row |= {f"{name}_turn": turn for name, turn in self._turn_of(status).items()}
        row |= {f"metrics.{n}": v for n, v in self.metrics.items()} | {f"ceilings.{n}": v for n, v in self.ceilings.items() if self.metrics}
        self.trackers.end(row)
        return status

    def _interrupt(self) -> Status:
        self.arena.read_signals()
        if self.arena.divergence is not None:
            self._blame()
            return self._end("diverged")
        self._save()
        return "interrupted"

    def _score(self, status: Status) -> float | None:
        """Return the last score; None after a divergence, which no score describes."""
        return None if status == "diverged" else self.arena.last_score

    def _turn_of(self, status: Status) -> dict[str, int]:
        """Return the turns in which the score, the best score and the metrics of the result were measured, by name."""
        there = {"score": self._score(status) is not None, "best": True, "metrics": bool(self.metrics)}
        return {name: turn for name, turn in self.turn_of.items() if there[name]}

    def _judged(self) -> dict[str, str]:
        return {} if self.judged == "raw" else {"judged": self.judged}

    def _reason(self, status: Status) -> str | None:
        reasons = {"diverged": str(self.arena.divergence), "alarmed": self._fatal_alarm(), "stopped": self.trackers.stopped}
        return reasons.get(status)

    def _blame(self) -> None:
        """Write a row for each of the last finite turns, and name the player that diverged first, if a checkpoint can be replayed."""
        for turn, losses in self.arena.signals.before_divergence:
            self.trackers.look({"kind": "turn", "turn": turn, "progress": turn / self.arena.turns, **losses})
        if self._has_checkpoint():
            blame(self.arena, self._latest()[1]["arena"])

    def _save(self, kind: Kind = "turn") -> None:
        if self.is_main:
            self.trace.sync()
            self.trackers.checkpoint(self.arena.turns_played, self.checkpoints.save(state_of(self), kind))

    def _has_checkpoint(self) -> bool:
        return self._of_first(lambda: bool(self.checkpoints.paths()))

    def _latest(self) -> tuple[Path, dict[str, Any]]:
        """Return the latest checkpoint, which the first process reads for all."""
        return self._of_first(lambda: (path := self.checkpoints.paths()[-1], self.checkpoints.load(path)))

    def _of_first(self, make: Callable[[], Any]) -> Any:
        return make() if self.ranks is None else self.ranks.on_main(make)

    def _restore(self) -> int:
        """Restore the latest checkpoint that is whole; return the length in bytes of the trace at that moment, 0 if there is none."""
        while self._has_checkpoint():
            try:
                path, state = self._latest()
            except CheckpointDamaged as error:
                self.display.note(f"{error}. It is set aside")
                self._of_first(lambda: self.checkpoints.set_aside(self.checkpoints.paths()[-1]))
                continue
            restore(self, path, state)
            keep, lost = self._of_first(lambda: repair(self.folder / "trace.jsonl", state["trace"], state["turn"]))  # noqa: B023
            if lost:
                self.display.note(lost)
            return int(keep)
        check_beginning(self)
        return 0

    def _signals(self) -> contextlib.AbstractContextManager[None]:
        """Let the first Ctrl-C, SIGTERM or SIGHUP within the block end the run after the current turn, and a second one at once."""

        def stop(number: int, frame: Any) -> None:
            self._stop = number
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

        return stopped_by(stop)
