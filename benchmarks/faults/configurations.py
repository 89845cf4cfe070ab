"""Sound configurations that are spoilt at random, and played."""

import random
from pathlib import Path

import yaml

from arena.config import configure
from benchmarks.faults.damage import spoil
from benchmarks.faults.fault import Fault
from benchmarks.faults.unbroken import Unbroken, here


def faults(unbroken: Unbroken) -> list[Fault]:
    how, test = "a sound configuration, spoilt up to three times", "tests/runs/test_damaged.py"
    return [Fault("configurations", how, 2000, odd_configuration, test)]


def odd_configuration(folder: Path, chance: random.Random) -> str:
    """Spoil a sound configuration, as text or in one of its values, and play it."""
    settings = configure(chance.choice(["bilinear", "ring", "dirac", "dann"])).settings
    text = yaml.safe_dump({**settings, "turns": 2, "trace": {"tensorboard": False}}, sort_keys=False)
    for _ in range(chance.randrange(1, 4)):
        text = spoil(text.encode(), chance).decode(errors="replace")
    (folder / "c.yaml").write_text(text)
    try:
        code, said = here("play", "--config", str(folder / "c.yaml"), "--out", str(folder / "run"), "--turns", "2", "--picture.every", "0")
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if code == 0:
        return "survived"
    return "told" if len(said.splitlines()) == 1 and len(said) < 700 else f"exit {code}: {said[-300:]!r}"
