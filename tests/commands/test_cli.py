"""The command line as a person types it: real processes, exit codes, one sentence for an error."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.cli import main
from arena.registry import KINDS, entries
from tests.config.test_config import GAME_FILE
from tests.conftest import Cli


def test_help_names_every_command(cli: Cli, quick_cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    for name in ("play", "resume", "list", "check", "bench", "compare", "map", "sweep"):
        assert f"\n  {name} " in done.stdout
        assert quick_cli(name, "--help").stdout.startswith(f"usage: arena {name}")


def test_help_loads_no_torch() -> None:
    code = "import sys; from arena.cli import main; main(['--help']); assert 'torch' not in sys.modules, 'torch was loaded'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_list_shows_everything_with_its_line(quick_cli: Cli) -> None:
    done = quick_cli("list")
    assert done.returncode == 0
    words = done.stdout.split()
    for kind in KINDS:
        assert f"{kind}s" in words
        installed = {e.id for e in entries(kind).values() if e.target.__module__.split(".")[0] in ("arena", "games", "players")}
        assert installed <= set(words)
    only = quick_cli("list", "rules").stdout
    assert "extragradient" in only
    assert "swiss-roll" not in only


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plya"], "arena: unknown command 'plya': did you mean 'play'?"),
        (["play", "swis-roll"], "arena: unknown game 'swis-roll': did you mean 'swiss-roll'?"),
        (["play", "swiss-roll", "--turn", "5"], "arena: unknown setting 'turn': did you mean 'turns'?"),
        (["play", "swiss-roll", "--turns"], "arena: --turns has no value; write --turns VALUE"),
        (["play", "swiss-roll", "--lr", "1e-3"], "arena: unknown setting 'lr': did you mean '*.lr'? (It is a setting of a player.)"),
        (["play", "swiss-roll", "--compile"], "arena: --compile has no value; write --compile true"),
        (
            ["play", "swiss-roll", "--generator.hidden", "64", "64", "--turns", "5"],
            "arena: '64' is not an option; write several values as --generator.hidden 64,64",
        ),
        (["compare", "ring", "--vary", "rule=lola,sga", "--seeds", "0-3"], "arena: the seeds are '0-3'. Expected a count"),
        (["compare", "ring", "--vary", "seed=0-3"], "arena: the seed is no setting to vary. Fix: --seeds 0:3"),
        (["play", "swiss-roll", "--rule", "sgaa"], "arena: unknown rule 'sgaa': did you mean 'sga'?"),
        (["play", "swiss-roll", "--rule", "foo"], "arena: unknown rule 'foo': no similar name among "),
        (["play", "swiss-roll", "turns=5"], "arena: 'turns=5' is not an option; options look like --turns 1000"),
        (["play", "--turns", "5"], "arena: no game is named. Fix: arena play swiss-roll (`arena list` shows all games)"),
        (["play", "nothing.py"], "arena: the game 'nothing.py' names the file "),
        (["list", "ruls"], "arena: unknown kind 'ruls': did you mean 'rules'?"),
        (["resume", "nowhere"], "arena: nowhere is not a run folder (it has no config.yaml)"),
        (["resume", "a", "--batch", "5"], "arena: '--batch' is too much: a run is resumed with its own settings; write `arena resume a`"),
        (
            ["play", "swiss-roll", "--discriminator", "torch.nn.Flatten"],
            "arena: discriminator: the role takes (N, 2) and must give (N, 1), but Flatten gave (N, 2); change the module's last layer",
        ),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(quick_cli: Cli, words: list[str], message: str) -> None:
    done = quick_cli(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(message), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_run_folder_in_the_place_of_a_game_is_told_apart(quick_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "runs" / "swiss-roll-1").mkdir(parents=True)
    (tmp_path / "runs" / "swiss-roll-1" / "config.yaml").write_text("game: swiss-roll")
    assert quick_cli("play", "runs/swiss-roll-1/").stderr == (
        "arena: runs/swiss-roll-1 is a run folder and no game; type `arena resume runs/swiss-roll-1` to go on with it, or "
        "`arena play --config runs/swiss-roll-1/config.yaml` to play it anew\n"
    )


def test_memory_that_runs_out_anywhere_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: Any, **__: Any) -> None:
        torch.empty(10**15)

    monkeypatch.setattr(sys.modules["arena.config.configure"], "configure", full)
    assert main(["play", "bilinear"]) == 1
    told = "arena: memory has run out (3.55 PiB were requested at once); take a smaller batch, smaller players or fewer of them at once\n"
    assert capsys.readouterr().err == told


def test_a_newcomers_game_is_checked_and_played_from_its_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tug.py").write_text(GAME_FILE)
    checked = cli("check", "tug.py")
    assert checked.returncode == 0, checked.stderr
    assert "✓ tug-of-war  14 of 16 checks hold; not claimed: joint loss is the field" in checked.stdout
    played = cli("play", "tug.py", "--turns", "20", "--dim", "2", "--trace.tensorboard", "false", "--out", "run")
    assert played.returncode == 0, played.stderr
    assert "finished after 20 turns" in played.stdout
    assert (tmp_path / "run" / "picture.png").is_file()


def test_a_broken_game_fails_its_check(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tug.py").write_text(GAME_FILE.replace('"right": -pull', '"right": pull'))
    done = cli("check", "tug.py")
    assert done.returncode == 2
    assert "✗ tug-of-war  10 of 16 checks hold, 1 does not, and 5 after it were not tried" in done.stdout
    assert "fix a sign, or set zero_sum = False" in done.stdout
    assert "arena: 1 of 1 games broke the contract" in done.stderr


def test_plain_lines_where_the_output_is_no_terminal(cli: Cli) -> None:
    done = cli("play", "bilinear", "--turns", "100", "--trace.tensorboard", "false")
    assert "\x1b" not in done.stdout
    assert done.stdout.count("turn ") > 5
    assert "runs/bilinear-1" in done.stdout


def test_the_projects_own_warnings_are_sentences_and_others_keep_their_place() -> None:
    from arena.cli import _format_warning
    from arena.errors import ArenaWarning

    assert _format_warning("no labels", ArenaWarning, "games/adaptation.py", 77) == "arena: no labels\n"
    assert _format_warning("slow", UserWarning, "torch/nn.py", 5) == "torch/nn.py:5: UserWarning: slow\n"
