"""The cost of a configuration, counted in calls of the project's own functions."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST, LATER = 1700, 1250
"""Most calls of `configure` in a fresh process that has imported the games, and afterwards."""

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
    sums.append(sum(number for file, number in calls.items() if file.startswith(sys.argv[1])))
print(json.dumps(sums))
"""


def test_a_configuration_costs_few_calls() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT, str(ROOT)], capture_output=True, text=True, check=True)
    first, later = json.loads(done.stdout)
    print(f"calls: {first} at first, {later} later")
    assert first <= FIRST
    assert later <= LATER
