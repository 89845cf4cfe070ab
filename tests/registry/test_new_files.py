"""A new file in a room is all that a new component needs: it is listed, and played by name. The files are dropped into a copy."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    "arena/schedulers": """
from arena.schedulers.base import Scheduler
class DroppedScheduler(Scheduler):
    \"\"\"A dropped scheduler.\"\"\"
    def action(self, moment):
        return 1.0, 0.5, moment.coupling
""",
    "arena/rules": """
from arena.rules.base import Cost, UpdateRule
class DroppedRule(UpdateRule):
    \"\"\"A dropped rule.\"\"\"
    def direction(self, field):
        return field.gradients()
    def cost(self):
        return Cost(2)
""",
    "arena/alarms": """
from arena.alarms.base import Alarm
class DroppedAlarm(Alarm):
    \"\"\"A dropped alarm.\"\"\"
    def look(self, view):
        return "it is always raised"
""",
    "arena/diagnostics": """
from arena.diagnostics.base import Cost, Diagnostic
class DroppedDiagnostic(Diagnostic):
    \"\"\"A dropped diagnostic.\"\"\"
    def measure(self, arena):
        return {"turn": arena.turns_played}
    def cost(self, game):
        return Cost()
""",
    "arena/optimizers": """
import torch
def dropped_optimizer(parameters, lr: float = 0.25):
    \"\"\"A dropped optimizer.\"\"\"
    return torch.optim.SGD(parameters, lr=lr)
""",
    "arena/games/gan/metrics": """
from arena.games.gan.metrics.base import Metric
class DroppedMetric(Metric):
    def value(self, samples):
        return samples.fake.new_tensor(0.75)
""",
    "arena/games/adaptation/criteria": """
from arena.games.adaptation.criteria.base import Criterion
class DroppedCriterion(Criterion):
    def value(self, outputs):
        return outputs.target_probabilities.new_tensor(0.5)
""",
}
SCHEDULE = """

def dropped_schedule(progress: float, value: float = 0.5) -> float:
    \"\"\"A dropped schedule.\"\"\"
    return value
"""
LISTED = ("scheduler", "rule", "alarm", "diagnostic", "optimizer", "schedule")
LIST = "import sys; from arena.cli import main; sys.exit(main(['list']))"
PLAY = """
import json
import arena
from arena.trace import read_trace
settings = {
    "rule": "dropped-rule", "scheduler": "dropped-scheduler", "coupling": "dropped-schedule", "generator.optimizer": "dropped-optimizer",
    "generator.schedule": "dropped-schedule(value=0.25)", "alarms.names": ["dropped-alarm(patience=1)"], "metric": "dropped-metric",
    "diagnostics.names": ["dropped-diagnostic"], "picture.every": 0, "trace.every": 1, "trace.tensorboard": False, "score.every": 1,
}
run = arena.play("ring", out="run", display=False, turns=2, batch=8, **settings)
rows = read_trace("run")
turns = [row for row in rows if row["kind"] == "turn"]
criterion = arena.configure("dann", {"metric": "dropped-criterion"}).settings["metric"]
fields = ("coupling", "generator.learning_rate", "discriminator.share", "score", "diagnostics.dropped-diagnostic.turn")
print(json.dumps([{name: turns[-1].get(name) for name in fields}, criterion, [row.get("alarm") for row in rows if row["kind"] == "alarm"]]))
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the packages under their import names."""
    shutil.copytree(ROOT / "arena", tmp_path / "copy" / "arena")
    for name in ("games", "players", "tuning"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / "arena" / name)
    return tmp_path / "copy"


def python(code: str, path: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(path), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=path.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.thorough
def test_a_new_file_of_each_kind_is_listed_and_played(copied: Path) -> None:
    for folder, source in FILES.items():
        (copied / folder / "dropped.py").write_text(source)
    schedules = copied / "arena" / "schedules.py"
    before = schedules.read_text()
    schedules.write_text(before + SCHEDULE)
    there = python(LIST, copied)
    assert all(f"dropped-{kind}" in there and f"A dropped {kind}." in there for kind in LISTED)
    last, criterion, alarms = json.loads(python(PLAY, copied).splitlines()[-1])
    assert last == {
        "coupling": 0.5,
        "generator.learning_rate": 0.0625,
        "discriminator.share": 0.5,
        "score": 0.75,
        "diagnostics.dropped-diagnostic.turn": 2,
    }
    assert criterion == "dropped-criterion"
    assert alarms == ["dropped-alarm"]
    for folder in FILES:
        (copied / folder / "dropped.py").unlink()
    schedules.write_text(before)
    assert "dropped" not in python(LIST, copied)
