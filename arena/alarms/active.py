"""The alarms of a run: which ring, since when, and why."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arena.alarms.base import Alarm, Sight
from arena.core.game import Game
from arena.registry.construct import construct_all


class Change(NamedTuple):
    """An alarm that begins to ring, or is over.

    Args:
        name: of the alarm.
        raised: whether it begins to ring.
        reason: what is wrong, in one sentence; empty where it is over.
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
        words: each a name with or without arguments; `all` stands for every alarm, `none` for no alarm.
        game: that is played.

    Attributes:
        ringing: why, by the name of those that ring now.
        rung: the turn in which each first rang, and why, by name.
    """

    def __init__(self, words: Sequence[str], game: Game):
        self.members: dict[str, Alarm] = construct_all("alarm", words)
        self.game = game
        self.ringing: dict[str, str] = {}
        self.rung: dict[str, tuple[int, str]] = {}
        self._latest: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._rows = dict.fromkeys(self.members, 0)  # how often in a row it has now been otherwise than the alarm says

    def look(self, row: Mapping[str, Any]) -> list[Change]:
        """Look at a row of the trace; what begins to ring and what is over."""
        numbers = {name: value for name, value in row.items() if isinstance(value, (int, float))}
        self._latest |= numbers
        self._first = numbers | self._first
        sight, changes = Sight(self.game, row, self._latest, self._first), []
        for name, alarm in self.members.items():
            reason = alarm.look(sight)
            self._rows[name] = self._rows[name] + 1 if (reason is not None) != (name in self.ringing) else 0
            if self._rows[name] < alarm.patience:
                continue
            self._rows[name] = 0
            if reason is None:
                del self.ringing[name]
            else:
                self.ringing[name] = reason
                self.rung.setdefault(name, (row["turn"], reason))
            changes.append(Change(name, reason is not None, reason or ""))
        return changes

    def state_dict(self) -> dict[str, Any]:
        """Where they stand."""
        own = {name: alarm.state_dict() for name, alarm in self.members.items()}
        rung = {name: list(value) for name, value in self.rung.items()}
        state = {"ringing": self.ringing, "rung": rung, "latest": self._latest, "first": self._first, "rows": self._rows, "members": own}
        return copy.deepcopy(state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.ringing, self._latest, self._first = dict(state["ringing"]), dict(state["latest"]), dict(state["first"])
        self.rung = {name: (turn, reason) for name, (turn, reason) in state["rung"].items()}
        self._rows = dict.fromkeys(self.members, 0) | dict(state["rows"])
        for name, alarm in self.members.items():
            if name in state["members"]:
                alarm.load_state_dict(state["members"][name])
