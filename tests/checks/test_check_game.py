"""check_game is itself tested: every registered game passes, and games broken on purpose are caught, one per check, whole message."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import Game, GameFault, Slot, check_game
from arena.checks.games import CHECKS, examine
from arena.players import MLP, Vector
from arena.registry import entries
from tests.conftest import SELF_CONTAINED
from tests.support.cases import first


class Sound(Game):
    """Tug of war: x pulls on x·My, y against it; the answer is 0."""

    zero_sum = True

    def __init__(self) -> None:
        super().__init__(left=Vector(3), right=Vector(3))

    def sample(self, rng):  # type: ignore[no-untyped-def]
        return torch.eye(3) + 0.1 * torch.randn(3, 3, generator=rng)

    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        pull = coupling * (self.players["left"]() @ m_DD @ self.players["right"]())
        return {"left": pull, "right": -pull}

    def score(self) -> Any:
        return sum(p().norm() ** 2 for p in self.players.values()).sqrt()

    def solution(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name, p in self.named_parameters()}


class DoesNotFit(Sound):
    def __init__(self) -> None:
        Game.__init__(self, left=Slot((2,), (1,), nn.Linear(2, 3)), right=Vector(3))


class Shared(Sound):
    def __init__(self) -> None:
        both = Vector(3)
        Game.__init__(self, left=both, right=both)


class Orphan(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))


class MissingCell(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.tensor([[0.0, 1.0], [float("nan"), 2.0]]))


class MissingInBatch(Sound):
    def sample(self, rng):  # type: ignore[no-untyped-def]
        return {"pull": super().sample(rng), "weight": torch.tensor([1.0, float("nan")])}


class Infinite(Sound):
    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        losses = super().losses(m_DD, coupling, movers)
        return {**losses, "left": losses["left"] / 0.0}


class DependsOnMovers(Sound):
    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        return {key: loss * len(movers) for key, loss in super().losses(m_DD, coupling, movers).items()}


class Dead(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.players["left"].unused = nn.Parameter(torch.ones(2))


class DrawsGlobally(Sound):
    def sample(self, rng):  # type: ignore[no-untyped-def]
        return torch.eye(3) + 0.1 * torch.randn(3, 3)


class ScoresGlobally(Sound):
    def score(self) -> Any:
        return super().score() + 0 * torch.randn(())


class Restless(Sound):
    calls = 0.0

    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        self.calls += 1.0
        pull = coupling * self.calls * (self.players["left"]() @ m_DD @ self.players["right"]())
        return {"left": pull, "right": -pull}

    def __deepcopy__(self, memo):  # type: ignore[no-untyped-def]
        return type(self)()


class WritesInTheBatch(Sound):
    def sample(self, rng):  # type: ignore[no-untyped-def]
        return super().sample(rng), torch.zeros(1)

    def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
        m_DD, counter = batch
        counter += 1
        return super().losses(m_DD, coupling, movers)


class Detached(Sound):
    zero_sum = False

    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        left, right = self.players["left"](), self.players["right"]()
        return {"left": left @ m_DD @ right * coupling + left @ left.detach(), "right": -(left @ m_DD @ right) * coupling}


class NeverAlone(Sound):
    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        return super().losses(m_DD, 1.0, movers)


class NotZeroSum(Sound):
    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        losses = super().losses(m_DD, coupling, movers)
        return {**losses, "right": -losses["right"] + (self.players["right"]() ** 2).sum()}


class Reversed(Sound):
    """A gradient reversal game with the sign forgotten in the joint loss."""

    def joint_loss(self, m_DD, coupling):  # type: ignore[no-untyped-def]
        return coupling * (self.players["left"]() @ m_DD @ self.players["right"]())


class WrongAnswer(Sound):
    def solution(self) -> dict[str, Tensor]:
        return {name: torch.ones_like(p) for name, p in self.named_parameters()}


class Footprints(Sound):
    def score(self) -> Any:
        with torch.no_grad():
            self.players["left"].value *= 1.0
            self.players["left"].value += 1e-3
        return torch.zeros(())


class FickleMetric(Sound):
    calls = 0.0

    def metrics(self) -> dict[str, Any]:
        self.calls += 1
        return {"recall": self.calls}


class MetricFootprints(Sound):
    def metrics(self) -> dict[str, Any]:
        with torch.no_grad():
            self.players["left"].value += 1e-3
        return {"recall": 1.0}


class CeilingOfNothing(Sound):
    def metrics(self) -> dict[str, Any]:
        return {"recall": 1.0}

    def metric_ceilings(self) -> dict[str, float]:
        return {"precision": 1.0}


class Branches(Sound):
    def losses(self, m_DD, coupling, movers):  # type: ignore[no-untyped-def]
        losses = super().losses(m_DD, coupling, movers)
        return losses if self.players["left"]()[0] > -1e9 else {}


class ProjectsData(Vector):
    """Keeps within a bound by replacing its tensor, which a population cannot do to one member."""

    def project_(self) -> None:
        self.value.data = self.value.data.clamp(-0.5, 0.5)


class Projected(Sound):
    def __init__(self) -> None:
        Game.__init__(self, left=ProjectsData(3), right=Vector(3))


class BadSignals(Sound):
    def signals(self, batch):  # type: ignore[no-untyped-def]
        return {"reward": torch.ones(2)}


BROKEN: list[tuple[type[Game], str]] = [
    (DoesNotFit, "left: the role takes (N, 2) and must give (N, 1), but Linear gave (N, 3); change the module's last layer"),
    (Shared, "the parameter 'value' is shared by 'left' and 'right'; give each player its own module"),
    (Orphan, "the parameter 'temperature' belongs to no player; put it into a player, or make it a buffer"),
    (MissingCell, "the buffer 'rows' holds NaN, first at [1, 0]; fill in missing numbers, or leave out their rows, in __init__"),
    (MissingInBatch, "the batch['weight'] of sample holds NaN, first at [1]; fill in"),
    (Infinite, "the loss of 'left' is inf at the start; a loss must be finite"),
    (DependsOnMovers, "movers may only decide which losses are returned"),
    (Dead, "the parameter 'players.left.unused' gets no gradient from its player's loss; use it in the loss, or remove it"),
    (DrawsGlobally, "sample gave two different batches from the same seed; draw everything from rng and rng.noise"),
    (ScoresGlobally, "score drew from torch's global generator; use the rng of sample, or a generator of its own"),
    (Restless, "movers may only decide which losses are returned"),
    (WritesInTheBatch, "losses changed the batch that it was given; work on a copy"),
    (Detached, "look for a detach, a .data or a reversed gradient between the player and its loss"),
    (
        NeverAlone,
        "at coupling 0 the gradient of 'left' still depends on 'right'; multiply their interaction by coupling",
    ),
    (NotZeroSum, "fix a sign, or set zero_sum = False"),
    (Reversed, "look for a missing sign or coupling in the reversal"),
    (WrongAnswer, "but must vanish"),
    (Footprints, "score changed 'players.left.value'; work on a copy, or in evaluation mode"),
    (FickleMetric, "metric recall gave 1 and then 2; draw its samples from a generator with a fixed seed"),
    (MetricFootprints, "metrics changed 'players.left.value'; work on a copy, or in evaluation mode"),
    (CeilingOfNothing, "metric_ceilings names 'precision', which is no metric; there are recall"),
    (Branches, "avoid .item(), data-dependent ifs and in-place changes in losses"),
    (Projected, "change tensors by copy_(), not by .data"),
    (BadSignals, "'gymnasium accepts it' could not be checked, because the game raised"),
]


def test_a_sound_game_passes() -> None:
    report = check_game(Sound)
    assert len(report.passed) + len(report.skipped) == len(CHECKS)
    assert report.skipped == ["joint loss is the field"]


def test_a_game_object_is_checked_and_left_alone() -> None:
    game = Sound()
    before = copy.deepcopy(game.state_dict())
    check_game(game)
    assert all(torch.equal(before[name], value) for name, value in game.state_dict().items())


@pytest.mark.parametrize(("broken", "message"), BROKEN, ids=lambda value: value.__name__ if isinstance(value, type) else "")
def test_a_broken_game_is_caught(broken: type[Game], message: str) -> None:
    with pytest.raises(GameFault) as error:
        check_game(broken)
    assert str(error.value).startswith(f"{broken.__name__}: ")
    assert message in str(error.value)


def test_every_check_catches_something() -> None:
    """Each broken game stops at another check, but for those that two games break in two ways."""
    caught = set()
    for broken, _ in BROKEN:
        report = examine(broken)
        caught.add(CHECKS[len(report.passed) + len(report.skipped)].__name__)
    assert caught == {check.__name__ for check in CHECKS}


class Dropping(nn.Linear):
    """Functional dropout, which no layer shows."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(torch.tanh(super().forward(x)), 0.3, self.training)


class Drops(Game):
    def __init__(self) -> None:
        super().__init__(left=Dropping(3, 2, bias=False), right=Dropping(3, 2, bias=False))

    def sample(self, rng):  # type: ignore[no-untyped-def]
        return torch.randn(8, 3, generator=rng)

    def losses(self, x_ND, coupling, movers):  # type: ignore[no-untyped-def]
        left, right = (player(x_ND) for player in self.players.values())
        return {"left": left.square().mean() + coupling * (left * right).mean(), "right": (right - 1).square().mean()}

    def score(self) -> Any:
        return torch.zeros(())


class DrawsBesideItsPlayers(Drops):
    def losses(self, x_ND, coupling, movers):  # type: ignore[no-untyped-def]
        return {key: loss + 0 * torch.rand(()) for key, loss in super().losses(x_ND, coupling, movers).items()}


def test_functional_dropout_is_sound_because_a_run_seeds_it() -> None:
    assert examine(Drops).fault is None
    fault = examine(DrawsBesideItsPlayers).fault
    assert fault is not None and "losses drew from torch's global generator; use the rng of sample" in fault


SMALL = {"attack": {"data": "digits", "batch": 8, "scored": 16, "steps": 2}}
"""Arguments of a game that takes long as it is."""


@pytest.mark.parametrize("name", first(6, SELF_CONTAINED))
def test_every_registered_game_passes(name: str) -> None:
    game: Any = entries("game")[name].target
    assert check_game(functools.partial(game, **SMALL.get(name, {}))).fault is None


@pytest.mark.usefixtures("published")
def test_mnist_passes() -> None:
    assert check_game(entries("game")["mnist"].target).fault is None


def reversal_game(sign: float) -> Callable[[], Game]:
    class Adaptation(Game):
        """Features against a critic, explicit and by one backward pass through a reversal."""

        def __init__(self) -> None:
            super().__init__(features=MLP((2,), (2,), (8,), "tanh"), critic=MLP((2,), (1,), (8,), "tanh"))

        def sample(self, rng):  # type: ignore[no-untyped-def]
            return torch.randn(16, 2, generator=rng)

        def losses(self, x_ND, coupling, movers):  # type: ignore[no-untyped-def]
            features = self.players["features"](x_ND)
            against = nn.functional.softplus(self.players["critic"](features)).mean()
            task = ((features - x_ND) ** 2).mean()
            critic = nn.functional.softplus(self.players["critic"](coupling * features)).mean()
            return {"features": task - coupling * against, "critic": critic if coupling == 0 else against}

        def joint_loss(self, x_ND, coupling):  # type: ignore[no-untyped-def]
            features = self.players["features"](x_ND)
            turned = _Reverse.apply(features, sign * coupling)
            return ((features - x_ND) ** 2).mean() + nn.functional.softplus(self.players["critic"](turned)).mean()

        def score(self) -> Any:
            return torch.zeros(())

    return Adaptation


class _Reverse(torch.autograd.Function):
    """A gradient reversal with every rule that torch.func asks for."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, scale: float) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return -ctx.scale * grads[0], None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return tangents[0].clone()


def test_a_reversal_layer_is_proven_and_its_missing_sign_is_caught() -> None:
    report = examine(reversal_game(sign=1.0))
    assert report.fault is None
    assert "joint loss is the field" in report.passed
    fault = examine(reversal_game(sign=-1.0)).fault
    assert fault is not None
    assert "look for a missing sign or coupling in the reversal" in fault


def test_a_mistake_in_a_method_is_not_that_of_the_check_beside_it() -> None:
    class Mixes(Sound):
        def score(self) -> Tensor:
            return torch.eye(2) @ torch.ones(2, dtype=torch.float16)

    with pytest.raises(GameFault, match=r"^Mixes: Mixes.score failed \(RuntimeError: .*dtype.*make constant tensors buffers"):
        check_game(Mixes)
