"""The cost of a configuration, counted in calls of the project's own functions, and that a turn calls nothing of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arena import Population, configure

ROOT = Path(__file__).parents[2]
FIRST, LATER = 450, 165
"""Most calls of one `configure` in a fresh process, where it also reads the registry and builds the game once, and afterwards."""

COUNT = """
import json, sys
from collections import Counter
from arena.config import configure
from arena.registry import entries

entries("game")
sums = []
for _ in range(2):
    calls = Counter()
    def count(frame, event, argument):
        if event == "call":
            calls[frame.f_code.co_filename] += 1
    sys.setprofile(count)
    configure("swiss-roll", {}, ["--generator.lr=1e-4"])
    sys.setprofile(None)
    sums.append(sum(number for file, number in calls.items() if file.startswith(tuple(sys.argv[1:]))))
print(json.dumps(sums))
"""


def test_a_configuration_costs_few_calls() -> None:
    ours = [f"{ROOT / room}/" for room in ("arena", "games", "players", "tuning")]  # a virtual environment may stand in the clone, too
    done = subprocess.run([sys.executable, "-c", COUNT, *ours], capture_output=True, text=True, check=True)
    first, later = json.loads(done.stdout)
    print(f"calls: {first} at first, {later} later")
    assert first <= FIRST
    assert later <= LATER


SCHEDULED = {"coupling": "linear(start=0.2,end=1)", "scheduler": "alternating", "rule": "averaging(inner=extragradient)"}


@pytest.mark.parametrize(
    ("game", "settings"),
    [
        ("dann", {**SCHEDULED, "extractor.schedule": "step", "domain.schedule": "inverse-decay"}),
        ("dann", {"scheduler": "balance", "scheduler.every": 2}),
        ("swiss-roll", {**SCHEDULED, "instance_noise": 0.3, "instance_noise_schedule": "cyclic(peak=0.2)", "generator.optimizer": "sgd"}),
    ],
)
@pytest.mark.parametrize("members", [1, 2])
def test_a_turn_calls_nothing_of_the_configuration(game: str, settings: dict[str, Any], members: int) -> None:
    config = configure(game, {**settings, "batch": 8, "turns": 50})
    if members > 1 and "balance" in settings.values():
        return  # populations refuse a scheduler that observes
    arena = config.build() if members == 1 else Population([config, config.vary({"seed": 1, f"{config.roles[0]}.lr": 0.02})])
    arena.reset()
    seen = []

    def watch(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and any(f"/arena/{room}/" in frame.f_code.co_filename for room in ("config", "registry")):
            seen.append(frame.f_code.co_qualname)

    sys.setprofile(watch)
    try:
        for turn in range(20):
            arena.play_scheduled_turn(measure=turn % 3 == 0)
    finally:
        sys.setprofile(None)
    assert not seen
