"""What commands that play a game read from their words: options of their own, the game, and the settings of a file."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from arena.errors import ArenaError


class Words:
    """The words after a command's name.

    Args:
        arguments: those words.
        usage: what `--help` prints.
        example: what to write, for the message where no game was named.

    Attributes:
        asked: the exit code where help was asked for, which has then been printed; None where there is something to do.
        left: the words that nobody has taken, which are settings of the game.

    Example:
        >>> words = Words(["ring", "--out=here", "--vary", "a", "--turns", "3", "--vary", "b"], "usage: …", "arena play ring")
        >>> words.take("out"), words.every("vary"), words.left
        ('here', ['a', 'b'], ['--turns', '3'])
        >>> words.game()
        ('ring', {})
    """

    def __init__(self, arguments: Sequence[str], usage: str, example: str):
        self.left, self._example = list(arguments), example
        self.asked: int | None = None
        if not self.left or self.left[0] in ("-h", "--help"):
            print(usage)
            self.asked = 0 if self.left else 2
        self._game = None if not self.left or self.left[0].startswith("-") else self.left.pop(0)

    def take(self, name: str) -> str | None:
        """Take `--name VALUE` or `--name=VALUE` out of the words; None where it is not among them.

        Raises:
            ArenaError: where it has no value.
        """
        option, words = f"--{name}", self.left
        for i, word in enumerate(words):
            if word.startswith(f"{option}="):
                self.left = words[:i] + words[i + 1 :]
                return word[len(option) + 1 :]
            if word == option:
                if i + 1 == len(words) or words[i + 1].startswith("--"):
                    raise ArenaError(f"{option} has no value; write {option} VALUE")
                self.left = words[:i] + words[i + 2 :]
                return words[i + 1]
        return None

    def every(self, name: str) -> list[str]:
        """The values of an option that may be given several times."""
        found = []
        while (value := self.take(name)) is not None:
            found.append(value)
        return found

    def game(self, *, file: str | None = None) -> tuple[str, dict[str, Any]]:
        """The game that was named, here or in a file of settings, and the file's other settings.

        Raises:
            ArenaError: where none was named, or the file cannot be read.
        """
        from arena.config.settings import load_file

        settings = load_file(file) if file is not None else {}
        named = settings.pop("game", None)
        game = self._game or named
        if not isinstance(game, str):
            raise ArenaError(f"no game was named; write `{self._example}`, or see `arena list`")
        return game, settings


def number(option: str, word: str, wanted: str, kind: type = int, least: float = 1) -> Any:
    """Return the number that is the value of an option.

    Raises:
        ArenaError: if it is no finite number of at least `least`.

    Example:
        >>> number("workers", "3", "a whole number of at least 1")
        3
        >>> number("trials", "many", "a whole number, such as 60")
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: --trials is 'many', but must be a whole number, such as 60
    """
    with contextlib.suppress(ValueError):
        if least <= (value := kind(word)) < math.inf:
            return value
    raise ArenaError(f"--{option} is '{word}', but must be {wanted}")
