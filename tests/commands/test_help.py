"""Help of every command, in terminals of every width; and `python -m`."""

import runpy
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

import benchmarks
from arena.cli import main

COMMANDS = ("play", "compare", "map", "sweep", "bench", "check", "choose", "list", "resume")
PLAYING = {"play": "--out FOLDER", "compare": "--budget NAME", "map": "--members N", "sweep": "--trials N", "bench": "--seconds S"}
MODULES = sorted(
    f"benchmarks.{path.relative_to(benchmarks.__path__[0]).with_suffix('').as_posix().replace('/', '.')}"
    for path in Path(benchmarks.__path__[0]).rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [40, 100])
def test_help_fits_the_terminal(command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"usage: arena {command}")
    assert [line for line in lines if len(line) > width and " " in line.strip()] == []


@pytest.mark.parametrize("command", PLAYING)
def test_help_after_a_game_has_the_options_of_the_command_and_of_the_game(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        main([command, "bilinear", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.count("usage: ") == 1 and shown.startswith(f"usage: arena {command}")
    for words in (PLAYING[command], "--out F", "--config FILE", "--x.lr", "--trace.every"):
        assert words in shown


def test_a_list_is_readable_in_forty_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["list", "rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= 40
    assert "  symplectic-gradient-adjustment" in [line.rstrip() for line in lines]


def test_the_package_is_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["arena", "-V"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("arena", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("arena 0.")


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_helps(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__")
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.split()) > 8
