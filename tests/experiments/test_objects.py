"""Objects in the place of names: an experiment refuses them before it writes anything, because nothing could build them again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import arena
from arena.errors import ArenaError
from arena.games import Bilinear
from arena.rules.optimistic import Optimistic
from arena.tuning import sweep

PLAY: dict[str, Callable[..., Any]] = {
    "compare": lambda game, **more: arena.compare(game, {"x.lr": [0.1, 0.01]}, **more),
    "map": lambda game, **more: arena.play_map(game, {"x.lr": [0.1, 0.01], "y.lr": [0.1, 0.01]}, **more),
    "sweep": lambda game, **more: sweep(game, {"x.lr": "log:0.01:0.1"}, trials=2, **more),
}


@pytest.mark.parametrize("kind", PLAY)
@pytest.mark.parametrize(
    ("game", "settings", "message"),
    [
        (
            Bilinear(),
            {},
            r"the game is an object of Bilinear, .*Fix: write Bilinear into a file .*, name it file.py:Bilinear, and give its",
        ),
        ("bilinear", {"rule": Optimistic()}, r"the rule is an object of Optimistic, which an experiment cannot build again"),
    ],
    ids=["game", "rule"],
)
def test_an_object_is_refused_with_the_fix(kind: str, game: Any, settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=message):
        PLAY[kind](game, settings={"turns": 2, **settings}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
