"""Play a game and record it.

arena play swiss-roll --rule extragradient --generator.lr 1e-4 --turns 5000
arena play --config runs/swiss-roll-1/config.yaml
arena play my_game.py
"""

from collections.abc import Sequence

from arena.errors import ArenaError

USAGE = """\
usage: arena play GAME [--out FOLDER] [--config FILE] [--SETTING VALUE ...]

Play a game and record it: a picture, a trace and checkpoints in a run folder.

  GAME            a game's id (see `arena list`), an import path, or a file such as my_game.py
  --out FOLDER    the run folder, which must not exist (default: the next runs/GAME-NUMBER)
  --config FILE   settings in YAML, such as the config.yaml of another run; options on the command line win

Every setting of a game is an option of the same dotted name, typed and documented:

  arena play GAME --help"""


def main(arguments: Sequence[str]) -> int:
    words = list(arguments)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if words else 2
    game = None if words[0].startswith("-") else words.pop(0)
    out, words = take(words, "--out")
    file, words = take(words, "--config")

    from arena.config import configure
    from arena.loop import start
    from arena.settings import load_file

    settings = load_file(file) if file is not None else {}
    named = settings.pop("game", None)
    if game is None:
        game = named
    if not isinstance(game, str):
        raise ArenaError("no game was named; write `arena play swiss-roll`, or see `arena list`")
    config = configure(game, settings, words)
    return exit_code(start(config, out).status)


def take(words: list[str], option: str) -> tuple[str | None, list[str]]:
    """Take `--option VALUE` or `--option=VALUE` out of the words.

    Example:
        >>> take(["--turns", "3", "--out", "here"], "--out")
        ('here', ['--turns', '3'])
    """
    for i, word in enumerate(words):
        if word.startswith(f"{option}="):
            return word[len(option) + 1 :], words[:i] + words[i + 1 :]
        if word == option:
            if i + 1 == len(words) or words[i + 1].startswith("--"):
                raise ArenaError(f"{option} has no value; write {option} VALUE")
            return words[i + 1], words[:i] + words[i + 2 :]
    return None, words


def exit_code(status: str) -> int:
    """0 for a run that ended well, 1 for one that diverged, 130 for one that was interrupted."""
    return {"diverged": 1, "interrupted": 130}.get(status, 0)
