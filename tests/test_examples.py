"""The examples run as they are shown."""

import subprocess
import sys
from pathlib import Path

from arena import check_game, configure

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_newcomers_game_keeps_the_contract_and_fits_a_screen() -> None:
    file = EXAMPLES / "tug_of_war.py"
    assert check_game(configure(str(file)).game.target).fault is None
    assert len(file.read_text().splitlines()) <= 31
    assert file.read_text().split('"""', 2)[2].strip() in (EXAMPLES.parent / "README.md").read_text(), "the README shows another one"


def test_three_dynamics(tmp_path: Path) -> None:
    words = [sys.executable, str(EXAMPLES / "three_dynamics.py"), str(tmp_path / "picture.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    ends = {line.split()[0]: [float(line.split()[-3]), float(line.split()[-1])] for line in done.stdout.splitlines()[:3]}
    assert ends["simultaneous"][1] > 1.5 * ends["simultaneous"][0]
    assert ends["extragradient"][1] < 0.7 * ends["extragradient"][0]
    assert 0.9 < ends["alternating"][1] / ends["alternating"][0] < 1.1
    assert (tmp_path / "picture.png").stat().st_size > 10_000
