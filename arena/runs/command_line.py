"""The command line of a command that plays a game: its own options, the game, and the settings of a file."""

import contextlib
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.runs.index import check_names
from arena.runs.usage import show_usage


def wants_help(words: Sequence[str]) -> bool:
    """Return whether `--help` or `-h` is among the words."""
    return not {"-h", "--help"}.isdisjoint(words)


class CommandLine:
    """The words after a command's name.

    Args:
        words: The words.
        usage: Text that `--help` prints, followed by the settings of the game if one is named.
        example: A complete command, for the error if no game is named.

    Attributes:
        exit_code: Exit code if the usage was printed, so that nothing is left to do; otherwise None.
        rest: Words that have not been popped, which are settings of the game.

    Example:
        >>> line = CommandLine(["ring", "--out=here", "--vary", "a", "--turns", "3", "--vary", "b"], "usage: …", "arena play ring")
        >>> line.pop("out"), line.pop_all("vary"), line.rest
        ('here', ['a', 'b'], ['--turns', '3'])
        >>> line.game()
        ('ring', {})
    """

    def __init__(self, words: Sequence[str], usage: str, example: str):
        self.rest, self._usage, self._example = list(words), usage, example
        self.exit_code: int | None = None
        self._game = None if not self.rest or self.rest[0].startswith("-") else self.rest.pop(0)
        self._helps = wants_help(words)
        if not words or (self._helps and (self._game is None or Path(self._game).is_dir())):
            show_usage(usage)
            self.exit_code = 0 if words else 2

    @property
    def words(self) -> list[str]:
        """All words that have not been popped, with the one in the place of a game."""
        return [*([self._game] if self._game is not None else []), *self.rest]

    def pop(self, name: str) -> str | None:
        """Remove `--name VALUE` or `--name=VALUE` and return the value, or None; raise ArenaError for an option without value."""
        option, words = f"--{name}", self.rest
        for i, word in enumerate(words):
            if word.startswith(f"{option}="):
                self.rest = words[:i] + words[i + 1 :]
                return word[len(option) + 1 :]
            if word == option:
                if i + 1 == len(words) or words[i + 1].startswith("--"):
                    raise ArenaError(f"{option} has no value. Fix: {option} VALUE")
                self.rest = words[:i] + words[i + 2 :]
                return words[i + 1]
        return None

    def pop_all(self, name: str) -> list[str]:
        """Return the values of an option that may be given several times."""
        values = []
        while (value := self.pop(name)) is not None:
            values.append(value)
        return values

    def pop_number(self, name: str, expected: str, kind: type = int, least: float = 1) -> Any:
        """Return the value of an option that is a number; None if the option was not given.

        Args:
            name: Name of the option.
            expected: Description of the number, for the error.
            kind: Type of the number, int or float.
            least: Lowest allowed number.

        Raises:
            ArenaError: The value is no finite number of at least `least`.

        Example:
            >>> CommandLine(["--trials", "many"], "", "").pop_number("trials", "a whole number, such as 60")
            Traceback (most recent call last):
            ...
            arena.errors.ArenaError: --trials is 'many'. Expected a whole number, such as 60
        """
        word = self.pop(name)
        if word is None:
            return None
        with contextlib.suppress(ValueError):
            if least <= (value := kind(word)) < math.inf:
                return value
        raise ArenaError(f"--{name} is '{word}'. Expected {expected}")

    def game(self, *, file: str | None = None, source: str | None = None) -> tuple[str, dict[str, Any]]:
        """Return the game that is named here, in a file or by a run that is the source of another, and the file's other settings.

        Raises ArenaError if none is named.
        """
        settings: dict[str, Any] = {}
        if file is not None:
            from arena.config.files import load_file

            settings = load_file(file)
        in_file = settings.pop("game", None)
        game = self._game or in_file
        if game is None and source is not None:
            from arena.config.going_on import game_of

            game = game_of(source)
        if not isinstance(game, str):
            raise ArenaError(f"no game is named. Fix: {self._example} (`arena list` shows all games)")
        check_names(game, self.rest, re.findall(r"--([a-z-]+)", self._usage))
        if self._helps:
            from arena.config.configure import configure

            show_usage(self._usage)
            configure(game, settings, [*self.rest, "--help"])  # prints the settings and exits
        return game, settings
