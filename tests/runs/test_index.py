"""The index of the registry: names are checked without torch, and a file that changed or is damaged is not believed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arena.errors import UnknownName
from arena.registry import entries
from arena.runs import index
from arena.runs.index import check_names, load, refresh


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_says_what_the_registry_says() -> None:
    assert load() is None
    assert refresh() == load()
    found = load()
    assert found is not None
    for kind, known in found["kinds"].items():
        assert {id: entry.summary for id, entry in entries(kind).items() if id in known} == {id: e["summary"] for id, e in known.items()}
    assert "lr" in found["kinds"]["optimizer"]["adam"]["settings"] and "turns" in found["run"][""]


@pytest.mark.parametrize(
    ("game", "options", "message"),
    [
        ("swis-roll", [], "unknown game 'swis-roll': did you mean 'swiss-roll'?"),
        ("ring", ["--rule", "extragradiant"], "unknown rule 'extragradiant': did you mean 'extragradient'?"),
        ("ring", ["--rule", "foo"], "; see `arena list rules`."),
        ("ring", ["--turn=5"], "unknown setting 'turn': did you mean 'turns'?"),
        ("ring", ["--trace.evry", "5"], "unknown setting 'trace.evry': did you mean 'trace.every'?"),
        ("ring", ["--rule", "unrolled", "--rule.setps", "3"], "unknown setting 'rule.setps': did you mean 'rule.steps'?"),
    ],
)
def test_a_mistake_is_found(game: str, options: list[str], message: str) -> None:
    refresh()
    with pytest.raises(UnknownName) as error:
        check_names(game, options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("game", "options"),
    [
        ("swiss-roll", ["--rule", "sga", "--turns", "5", "--generator.lr", "1e-3", "--rule.unheard", "3"]),
        ("SwissRoll", ["--rule", "averaging(inner=optimistic)", "--rule.inner.x", "3", "--noise=0.1", "--turn", "3"]),
        ("my_game.py", ["--turn", "5", "--rule", "my_rule.py:Mine"]),
        ("package.module.Game", []),
    ],
)
def test_what_cannot_be_known_passes(game: str, options: list[str]) -> None:
    refresh()
    check_names(game, options, others=["turn"])


def test_a_file_that_changed_and_a_damaged_index_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh()
    (file,) = (tmp_path / "arena").glob("registry-*.json")
    whole = file.read_text()
    for text in ("", "{}", whole[:-9], whole.replace('"kinds"', '"kin"'), "[]"):
        file.write_text(text)
        assert load() is None
        check_names("no-such-game", [])
    file.write_text(whole)
    assert load() is not None
    stamps = index._stamps()
    monkeypatch.setattr(index, "_stamps", lambda: [*stamps[:-1], [stamps[-1][0], stamps[-1][1] + 1, stamps[-1][2]]])
    assert load() is None


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert refresh()["kinds"]["game"] and load() is None


def test_mistakes_and_lists_load_no_torch() -> None:
    refresh()
    code = """
import sys
from arena.cli import main
mistakes = "play swis-roll", "compare ring --vary rule=lola,sga --turn 5", "sweep ringg", "play rin --help"
codes = [main(words.split()) for words in (*mistakes, "list")]
assert codes == [2, 2, 2, 2, 0], codes
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "swiss-roll" in done.stdout and "did you mean 'turns'" in done.stderr
