"""The commands that print the tables of domain adaptation, in their small forms."""

import pytest

from benchmarks.published import mnist_usps, moons


def test_moons_prints_a_row_for_each_regime(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["moons", "--quick"])
    moons.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and "±" in line][1:]
    assert [row[0] for row in rows] == ["| source-only", "| adapt", "| target-only"]
    assert rows[0][-1] == "– |" and rows[2][-1][0] in "+-"


def test_mnist_usps_prints_each_run_and_a_summary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["mnist_usps", "--quick", "--regimes", "source-only", "adapt"])
    mnist_usps.main()
    printed = capsys.readouterr().out
    assert sum(line.startswith("| digits → shaded-digits | ") for line in printed.splitlines()) == 4
    assert "20 turns of 16 + 16; SGD; last weights" in printed


def test_a_regime_below_source_only_is_called_so() -> None:
    assert moons.gain({"source-only": 71.3, "adapt": 61.0}, "adapt") == "-10.3 (worse than source-only)"
    assert moons.gain({"source-only": 54.9, "adapt": 73.9}, "adapt") == "+19.0"
    assert moons.gain({"adapt": 73.9}, "adapt") == "–"
