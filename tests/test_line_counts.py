"""The numbers of lines that the guides promise, counted in the examples that stand in them or beside them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DUEL = r"import arena|arena\.Duel|duel\.step\("
HOOKS = r"automatic_optimization|configure_optimizers|return None|_checkpoint\(|checkpoint\[\"duel\"\]"


def block(page: str, mark: str) -> list[str]:
    """Return the lines of the code block of a page that contains a mark, without empty ones."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if mark in text]
    return [line for line in found.splitlines() if line.strip()]


def matching(lines: list[str], pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in lines)


def example(name: str) -> list[str]:
    return (ROOT / "examples" / name).read_text(encoding="utf-8").splitlines()


def between(lines: list[str], first: str, last: str) -> int:
    """Return the number of lines from the one with `first` to that before the one with `last`."""
    begin = next(number for number, line in enumerate(lines) if first in line)
    return next(number for number, line in enumerate(lines) if number > begin and last in line) - begin


COUNTS: dict[tuple[str, str], Callable[[], int]] = {
    ("data.md", "a folder of images, flat"): lambda: matching(block("data.md", "--data faces"), "--data faces"),
    ("data.md", "a CSV or parquet table"): lambda: matching(block("data.md", "play table --data"), "play table --data"),
    ("data.md", "an array, a `Dataset`"): lambda: matching(block("data.md", "data=images"), "data=images"),
    ("data.md", "another format"): lambda: len(block("data.md", "def fits")),
    ("loops.md", "two modules and a training loop"): lambda: matching(block("loops.md", "softplus"), DUEL),
    ("loops.md", "a LightningModule"): lambda: matching(example("loop_lightning.py"), f"{DUEL}|{HOOKS}"),
    ("loops.md", "another tracker"): lambda: len(block("loops.md", "class Losses")) - 1,  # tempfile is for the place of the example
    ("loops.md", "a study of Optuna"): lambda: between(block("loops.md", "def objective"), "def report", "return"),
    ("loops.md", "plain PyTorch"): lambda: matching(example("loop_plain.py"), DUEL),
    ("loops.md", "Lightning, with its checkpoints"): lambda: matching(example("loop_lightning.py"), f"{DUEL}|{HOOKS}"),
    ("loops.md", "Fabric"): lambda: matching(example("loop_fabric.py"), DUEL),
}


@pytest.mark.parametrize(("page", "row"), COUNTS)
def test_a_guide_promises_the_lines_that_its_example_has(page: str, row: str) -> None:
    (found,) = [line for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines() if line.startswith(f"| {row}")]
    assert found.rstrip(" |").rpartition("|")[2].strip() == str(COUNTS[page, row]())
