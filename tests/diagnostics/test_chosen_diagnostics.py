"""Diagnostics are chosen by words, and one that does not suit the game is refused."""

from pathlib import Path as File

import pytest

import arena
from arena import ArenaError, configure
from arena.diagnostics import Spectrum
from arena.errors import BadSetting, UnknownName
from arena.registry.construct import construct_all
from arena.trace import read_trace
from tests.conftest import QUIET


@pytest.mark.parametrize(
    ("game", "word", "message"),
    [
        ("ring", "distance", "distance needs a known solution, but Ring states none; leave it out, or give Ring a solution()"),
        ("ring", "position", "position writes down at most 8 numbers, but the players of Ring have 34,179; leave it out, or use path,"),
        ("ring", "spectrum(mode=dense)", "at most 200 parameters, but the players of Ring have 34,179; write spectrum(mode=arnoldi), or"),
        ("bilinear", "spectrum(mode=arnoldi)", "spectrum.top is 6, but must be left to mode=dense in a game of 2 parameters"),
    ],
)
def test_a_game_that_does_not_suit_is_told_before_there_is_a_folder(game: str, word: str, message: str, tmp_path: File) -> None:
    with pytest.raises(ArenaError) as caught:
        arena.play(game, out=tmp_path / "run", display=False, **{"diagnostics.names": [word]})
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("word", "error", "message"),
    [
        ("spectrun", UnknownName, "unknown diagnostic 'spectrun': did you mean 'spectrum'?"),
        ("spectrum(topp=3)", UnknownName, "unknown argument of spectrum 'topp': did you mean 'top'?"),
        ("spectrum(mode=arnoldy)", ArenaError, "spectrum.mode is 'arnoldy': did you mean 'arnoldi'?"),
        ("spectrum(top=many)", ArenaError, "spectrum.top is 'many', but must be a whole number, such as 6"),
        ("spectrum(top=0)", BadSetting, "diagnostics.spectrum.top is 0, but must be a whole number of at least 1"),
        ("duality-gap(lr=0)", BadSetting, "diagnostics.duality-gap.lr is 0.0, but must be a finite number above 0"),
        ("path(points=40)", BadSetting, "diagnostics.path.points is 40, but must be one more than a multiple of 4, such as 41"),
        ("spectrum(top=3", ArenaError, "the brackets of 'spectrum(top=3' do not match"),
        ("rotation,rotation", ArenaError, "the diagnostic 'rotation' is named twice. Fix: leave one out"),
    ],
)
def test_a_mistaken_word_is_told_in_one_sentence(word: str, error: type[ArenaError], message: str) -> None:
    with pytest.raises(error) as caught:
        configure("bilinear", {}, ["--diagnostics.names", word])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_words_mean_the_same_on_the_command_line_and_in_a_file() -> None:
    words = ["spectrum(mode=arnoldi,top=8)", "rotation"]
    typed = configure("ring", {}, ["--diagnostics.names", ",".join(words)])
    assert typed.group("diagnostics").names == tuple(words)
    assert typed.dump() == configure("ring", {"diagnostics": {"names": words}}).dump()
    made = construct_all("diagnostic", words[:1])["spectrum"]
    assert isinstance(made, Spectrum)
    assert (made.mode, made.top) == ("arnoldi", 8)


def test_a_diagnostic_of_ones_own_is_named_by_its_file(tmp_path: File) -> None:
    (tmp_path / "mine.py").write_text(
        "from arena.diagnostics import Cost, Diagnostic\n\n\nclass Mine(Diagnostic):\n"
        "    def __init__(self, scale: float = 1.0):\n        self.scale = scale\n\n"
        "    def measure(self, arena):\n        return {'turn': self.scale * arena.turns_played}\n\n"
        "    def cost(self, game):\n        return Cost()\n"
    )
    settings = {**QUIET, "turns": 10, "diagnostics.names": [f"{tmp_path}/mine.py:Mine(scale=2)"]}
    arena.play("bilinear", out=tmp_path / "run", display=False, **settings)
    assert [row for row in read_trace(tmp_path / "run") if row["kind"] == "turn"][-1]["diagnostics.Mine.turn"] == 20.0


# In a run -----------------------------------------------------------------------------------------------------------------------
