"""The alarms of a run: which are raised, since when, and why."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arena.alarms.base import Alarm, TraceView
from arena.core.game import Game
from arena.registry.construct import construct_all


class Change(NamedTuple):
    """An alarm that is raised, or is over.

    Args:
        name: Name of the alarm.
        raised: Whether it is raised.
        reason: What is wrong, in one sentence; empty if the alarm is over.
    """

    name: str
    raised: bool
    reason: str

    @property
    def sentence(self) -> str:
        return f"alarm: {self.name}: {self.reason}" if self.raised else f"the alarm {self.name} is over"


class Alarms:
    """The alarms of one run.

    Args:
        words: Each a name with or without arguments; `all` stands for every alarm, `none` for no alarm.
        game: The game that is played.

    Attributes:
        ringing: Reasons of the alarms that are raised now, by name.
        raised: The turn in which each alarm was first raised, and the reason, by name.
    """

    def __init__(self, words: Sequence[str], game: Game):
        self.members: dict[str, Alarm] = construct_all("alarm", words)
        self.game = game
        self.ringing: dict[str, str] = {}
        self.raised: dict[str, tuple[int, str]] = {}
        self._latest: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._rows = dict.fromkeys(self.members, 0)  # successive rows that contradict the present state of the alarm

    def look(self, row: Mapping[str, Any]) -> list[Change]:
        """Return the alarms that a row of the trace raises or ends."""
        numbers = {name: value for name, value in row.items() if isinstance(value, (int, float))}
        self._latest |= numbers
        self._first = numbers | self._first
        view, changes = TraceView(self.game, row, self._latest, self._first), []
        for name, alarm in self.members.items():
            reason = alarm.look(view)
            self._rows[name] = self._rows[name] + 1 if (reason is not None) != (name in self.ringing) else 0
            if self._rows[name] < alarm.patience:
                continue
            self._rows[name] = 0
            if reason is None:
                del self.ringing[name]
            else:
                self.ringing[name] = reason
                self.raised.setdefault(name, (row["turn"], reason))
            changes.append(Change(name, reason is not None, reason or ""))
        return changes

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all alarms."""
        members = {name: alarm.state_dict() for name, alarm in self.members.items()}
        raised = {name: list(value) for name, value in self.raised.items()}  # under "rung", as in earlier checkpoints
        state = {"ringing": self.ringing, "rung": raised, "latest": self._latest, "first": self._first, "rows": self._rows}
        return copy.deepcopy({**state, "members": members})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        self.ringing, self._latest, self._first = dict(state["ringing"]), dict(state["latest"]), dict(state["first"])
        self.raised = {name: (turn, reason) for name, (turn, reason) in state["rung"].items()}
        self._rows = dict.fromkeys(self.members, 0) | dict(state["rows"])
        for name, alarm in self.members.items():
            if name in state["members"]:
                alarm.load_state_dict(state["members"][name])
