"""The trackers of a run: each event reaches them in order, the trace first. One that fails receives no more."""

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaWarning, cause
from arena.registry.construct import construct_all
from arena.trackers.base import Picture, Started, StopRun, Tracker


class OnLook(Tracker):
    """A function of a row as a tracker; its errors are the user's own, and end the run after it has been saved.

    Args:
        function: Returns True, or raises `StopRun`, to end the run.

    Attributes:
        error: The error of the function, which the run raises.
    """

    _arena_kind = "function"

    def __init__(self, function: Callable[[Mapping[str, Any]], bool | None]):
        self.function, self.error = function, None

    def on_look(self, row: Mapping[str, Any]) -> bool | None:
        if self.error is not None:
            return None
        try:
            return self.function(row)
        except StopRun:
            raise
        except Exception as error:
            self.error = error
            return None

    error: Exception | None


class Trackers:
    """The trackers of one run.

    Args:
        members: By name; the first one is the trace.

    Attributes:
        stopped: Why a tracker has ended the run; None if none has.
    """

    def __init__(self, members: Mapping[str, Tracker]):
        self._members = dict(members)
        self._ended = False
        self.stopped: str | None = None

    @property
    def error(self) -> Exception | None:
        """The error of a function that was given as `on_look`."""
        return next((t.error for t in self._members.values() if isinstance(t, OnLook) and t.error is not None), None)

    def begin(self, run: Started) -> None:
        """Begin; nothing has ended."""
        self._ended = False
        self._tell("on_begin", run)

    def look(self, row: Mapping[str, Any]) -> None:
        """Pass on a row of the trace."""
        self._tell("on_look", row)

    def picture(self, picture: Picture) -> None:
        """Pass on a picture."""
        self._tell("on_picture", picture)

    def alarm(self, row: Mapping[str, Any]) -> None:
        """Pass on an alarm."""
        self._tell("on_alarm", row)

    def checkpoint(self, turn: int, file: Path) -> None:
        """Pass on a checkpoint."""
        self._tell("on_checkpoint", turn, file)

    def end(self, row: Mapping[str, Any]) -> None:
        """Pass on the end, once."""
        if not self._ended:
            self._ended = True
            self._tell("on_end", row)

    def _tell(self, method: str, *what: Any) -> None:
        for name, tracker in [*self._members.items()]:
            try:
                if getattr(tracker, method)(*what) is True and method == "on_look":
                    self.stopped = self.stopped or f"{name} returned True"
            except StopRun as stop:
                self.stopped = self.stopped or str(stop) or f"{name} raised StopRun"
            except Exception as error:
                if tracker.essential:
                    raise
                del self._members[name]
                if method not in ("on_begin", "on_end"):
                    with contextlib.suppress(Exception):
                        tracker.on_end({"kind": "end", "status": "interrupted", "turn": 0})
                text = f"the tracker {name} failed in {method} ({cause(error)}). The run goes on without it"
                warnings.warn(ArenaWarning(text), stacklevel=3)


def construct(words: Sequence[str], given: Sequence[Tracker] = (), on_look: Callable[..., bool | None] | None = None) -> dict[str, Tracker]:
    """Return trackers by name: those of the words, objects, and a function of rows; raise ArenaError for one that cannot be used."""
    members: dict[str, Tracker] = construct_all("tracker", words)
    for tracker in given:
        name = type(tracker).__name__
        members[name if name not in members else f"{name} {len(members)}"] = tracker
    for tracker in members.values():
        tracker.check_installed()
    return members if on_look is None else {**members, "on_look": OnLook(on_look)}
