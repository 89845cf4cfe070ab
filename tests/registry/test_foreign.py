"""Optimizers and schedules that were written for torch, not for this project."""

import math
from pathlib import Path

import pytest
import torch

import arena
from arena.config import configure
from arena.errors import ArenaError
from arena.registry.foreign import fits, fitted
from arena.registry.lookup import lookup
from tests.conftest import QUIET

SOURCE = '''
import torch

def mine(params, lr: float = 1e-3):
    return torch.optim.Adam(params, lr=lr)

def with_another_word(ps, lr: float = 1e-3):
    return torch.optim.Adam(ps, lr=lr)

def proper(parameters, lr: float = 1e-3):
    return torch.optim.Adam(parameters, lr=lr)

def decay(p, rate: float = 2.0):
    return (1 - p) ** rate

def two(first, second):
    return first

class Lion(torch.optim.Optimizer):
    """The sign of a momentum (Chen et al., arXiv:2302.06675)."""

    def __init__(self, params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                first, second = group["betas"]
                p.sub_(group["lr"] * (first * m + (1 - first) * p.grad).sign())
                m.mul_(second).add_(p.grad, alpha=1 - second)
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "own_parts.py"
    file.write_text(SOURCE, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["mine", "with_another_word", "proper", "Lion"])
def test_an_optimizer_in_a_file_needs_no_wrapper(file: Path, tmp_path: Path, name: str) -> None:
    """And its arguments are settings; the run can be resumed from its folder alone."""
    own = {"x.optimizer": f"{file}:{name}", "x.lr": 0.03}
    result = arena.play("bilinear", turns=6, out=tmp_path / "run", display=False, **own, **QUIET)
    assert (result.status, result.turns) == ("finished", 6)
    assert result.arena is not None and result.arena.episode.optimizers["x"].param_groups[0]["lr"] == 0.03
    assert arena.resume(tmp_path / "run", display=False).status == "finished"


def test_a_schedule_in_a_file_may_name_progress_as_it_likes(file: Path) -> None:
    config = configure("bilinear", {"x.schedule": f"{file}:decay", "x.schedule.rate": 3.0})
    assert config.build().episode.rates["x"](0.5) == 0.125


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("optimizer", "two", "unknown optimizer"), ("optimizer", "Linear", "unknown optimizer"), ("schedule", "mine", "unknown schedule")],
)
def test_what_is_of_another_kind_is_told(file: Path, kind: str, name: str, said: str) -> None:
    with pytest.raises(ArenaError, match=said):
        lookup(kind, f"{file}:{name}")


@pytest.mark.parametrize("path", ["os.path.dirname", "shutil.rmtree", "torch.optim.lr_scheduler.LRScheduler", "torch.nn.Linear"])
def test_a_function_of_a_library_is_no_schedule(path: str) -> None:
    with pytest.raises(ArenaError, match="is no schedule"):
        lookup("schedule", path)


def test_a_scheduler_of_torch_is_a_schedule_with_its_own_closed_form() -> None:
    """Cosine annealing over the run is (1 + cos πp)/2, and a step of the decay is a factor."""
    cosine = fitted("schedule", torch.optim.lr_scheduler.CosineAnnealingLR)
    assert [cosine(p, T_max=100) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(
        [(1 + math.cos(math.pi * p)) / 2 for p in (0.0, 0.25, 0.5, 1.0)], abs=1e-12
    )
    decay = fitted("schedule", torch.optim.lr_scheduler.MultiStepLR)
    assert [decay(p, milestones=(30, 80), gamma=0.5) for p in (0.29, 0.3, 0.79, 0.8)] == [1.0, 0.5, 0.5, 0.25]
    assert [decay(p, milestones=(3, 8), gamma=0.5, steps=10) for p in (0.29, 0.3, 0.8)] == [1.0, 0.5, 0.25]


def test_a_scheduler_of_torch_is_chosen_by_name_and_its_arguments_are_settings(tmp_path: Path) -> None:
    own = {"x.schedule": "torch.optim.lr_scheduler.ExponentialLR", "x.schedule.gamma": 0.5, "x.schedule.steps": 10, "turns": 10}
    result = arena.play("bilinear", out=tmp_path / "run", display=False, **own, **QUIET)
    assert result.arena is not None
    assert result.arena.episode.rate("x") == pytest.approx(0.5**10)


@pytest.mark.parametrize(
    ("schedule", "settings", "said"),
    [
        ("ReduceLROnPlateau", {}, "cannot be a schedule"),
        ("StepLR", {}, "step_size must be given"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 5}, "cannot be a schedule"),
        ("StepLR", {"step_size": 3, "steps": 0}, "steps"),
    ],
)
def test_a_scheduler_that_cannot_serve_is_told_in_one_sentence(schedule: str, settings: dict[str, float], said: str) -> None:
    given = {f"x.schedule.{name}": value for name, value in settings.items()}
    with pytest.raises(ArenaError, match=said) as caught:
        configure("bilinear", {"x.schedule": f"torch.optim.lr_scheduler.{schedule}", **given}).build()
    assert "\n" not in str(caught.value)


def test_the_kinds_are_not_mistaken_for_each_other() -> None:
    assert not fits("optimizer", torch.optim.lr_scheduler.StepLR, own=True)
    assert not fits("schedule", torch.optim.Adam, own=True)
    assert not fits("rule", torch.optim.Adam, own=True)
