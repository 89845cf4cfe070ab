"""The commands that print the tables of domain adaptation, in their quick form."""

from pathlib import Path

import pytest

from arena.config import configure
from arena.config.files import load_file
from arena.errors import DataUnavailable
from benchmarks import _print_error
from benchmarks.published import mnist_m, mnist_usps, moons, svhn_mnist


@pytest.mark.parametrize("how", ["--generate", "--quick"])
def test_moons_prints_a_row_for_each_regime(how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["moons", "--quick", how])
    moons.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and "±" in line][1:]
    regimes = ["source-only", *(["real-fake"] if how == "--generate" else []), "adapt", "target-only"]
    assert [row[0] for row in rows] == [f"| {regime}" for regime in regimes]
    assert rows[0][-1] == "– |" and rows[2][-1][0] in "+-"


@pytest.mark.parametrize(("plain", "how"), [([], "batch norm, Adam"), (["--plain"], "SGD")])
def test_mnist_usps_prints_each_run_and_a_summary(
    plain: list[str], how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mnist_usps", "--quick", "--regimes", "source-only", "adapt", *plain])
    mnist_usps.main()
    printed = capsys.readouterr().out
    assert sum(line.startswith("| digits → shaded-digits | ") for line in printed.splitlines()) == 4
    assert f"20 turns of 16 + 16; {how}; last weights" in printed


@pytest.mark.slow
def test_the_generating_method_has_its_own_nets_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["mnist_usps", "--generate", "--quick", "--regimes", "real-fake", "--pictures", str(tmp_path / "drawn")]
    )
    mnist_usps.main()
    assert "| digits → shaded-digits | real-fake | 0 |" in capsys.readouterr().out
    assert "digits-shaded-digits-real-fake-0-generated.png" in {file.name for file in (tmp_path / "drawn").iterdir()}


def test_errors_of_the_arena_end_a_benchmark_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    for error, printed in (
        (DataUnavailable("MNIST is not here"), "benchmarks: MNIST is not here\n"),
        (ValueError("a fault"), "ValueError: a fault\n"),
    ):
        _print_error(type(error), error, None)
        assert capsys.readouterr().err == printed


def test_a_regime_worse_than_source_only_is_marked() -> None:
    assert moons.gain({"source-only": 71.3, "adapt": 61.0}, "adapt") == "-10.3 (worse than source-only)"
    assert moons.gain({"source-only": 54.9, "adapt": 73.9}, "adapt") == "+19.0"
    assert moons.gain({"adapt": 73.9}, "adapt") == "–"


@pytest.mark.slow
@pytest.mark.parametrize("plain", [[], ["--plain"]])
def test_mnist_m_prints_each_run_and_a_summary(
    plain: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mnist_m", "--quick", "--regimes", "source-only", "adapt", *plain])
    mnist_m.main()
    printed = capsys.readouterr().out
    assert sum(line.startswith("| digits → shaded-digits | ") for line in printed.splitlines()) == 4
    assert ("the paper's nets, SGD" if plain else "batch norm, Adam") in printed


@pytest.mark.slow
def test_svhn_mnist_prints_a_table_for_each_method(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["svhn_mnist", "--quick", "--regimes", "source-only", "real-fake", "adapt"])
    svhn_mnist.main()
    printed = capsys.readouterr().out
    regimes = [line.split(" | ")[1] for line in printed.splitlines() if line.startswith("| digits → shaded-digits | ")]
    assert regimes == ["source-only", "adapt"] * 2 + ["source-only", "real-fake", "adapt"] * 2
    assert printed.startswith("SMALL PROTOCOL")


def test_the_example_for_arena_compare_is_the_published_recipe() -> None:
    file = Path(__file__).parents[2] / "examples/mnist_usps.yaml"
    pair = {"source": "digits", "target": "shaded-digits", "form": "28x28x1"}  # a pair that needs no download
    mine = configure("dann", {**load_file(file), **pair}).settings
    assert mine == configure("dann", {**mnist_usps.RECIPE, **pair}).settings
