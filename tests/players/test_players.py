"""Properties that players keep under every rule and optimizer."""

import copy
import functools
from typing import Any

import pytest
import torch
from torch import nn

from arena import Arena, Population, configure
from arena.games import Bilinear
from arena.optimizers import sgd
from arena.players import MLP, ConvDiscriminator, Vector
from arena.players.base import hooks
from arena.players.dann import MnistNet, SixConvs, SvhnNet
from arena.players.generate_to_adapt import ConvAdapter, ConvTwoHeads
from arena.players.spectral_norm import SpectralNorm


def test_a_bounded_vector_never_leaves_its_bound() -> None:
    """Weight clipping: at learning rate 1 on f = xy, the free player diverges and the bounded one stays."""
    fast = functools.partial(sgd, lr=1.0)
    arena = Arena(functools.partial(Bilinear, y=functools.partial(Vector, bound=0.5)), optimizers={"x": fast, "y": fast})
    for _ in range(20):
        arena.play_turn((1.0, 1.0, 1.0))
        assert float(arena.game.players["y"]().detach().abs()) <= 0.5
    assert float(arena.game.players["x"]().detach().abs()) > 0.5


def test_no_bound_leaves_a_vector_as_it_is() -> None:
    player = Vector(3, start=100.0)
    before = player().detach().clone()
    player.project_()
    assert torch.equal(player(), before)


@pytest.mark.parametrize("bound", [-1.0, float("inf"), float("nan")])
def test_an_invalid_bound_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match=f"bound is {bound}, but must be a finite number of at least 0, where 0 sets no bound"):
        Vector(1, bound=bound)


@pytest.mark.parametrize("bound", [-1.0, float("inf"), float("nan")])
def test_an_invalid_bound_of_a_net_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match=f"bound is {bound}, but must be a finite number of at least 0, where 0 sets no bound"):
        MLP((2,), (1,), bound=bound)


def played(turns: int, **settings: Any) -> Arena:
    arena = configure("ring", {"batch": 16, "turns": turns, "generator.hidden": [8], "discriminator.hidden": [8], **settings}).build()
    arena.reset(seed=0)
    for _ in range(turns):
        arena.play_scheduled_turn()
    return arena


def largest(player: nn.Module) -> float:
    return max(float(p.detach().abs().max()) for p in player.parameters())


def test_a_bounded_net_never_leaves_its_bound() -> None:
    free, bounded = (
        played(10, loss="wasserstein", **{"discriminator.lr": 0.1, "discriminator.bound": bound}).game.players["discriminator"]
        for bound in (0.0, 0.05)
    )
    assert largest(bounded) == pytest.approx(0.05) and largest(free) > 0.1
    assert largest(MLP((2,), (1,), bound=0.01)) <= 0.01  # also where it starts


def test_a_free_net_has_nothing_to_project() -> None:
    """A hook is called after each move, and would cost every population a pass over its members."""
    assert hooks(MLP((2,), (1,)), "project_") == []
    assert len(hooks(MLP((2,), (1,), bound=0.1), "project_")) == len(hooks(MLP((2,), (1,), spectral_norm=True), "project_")) == 1


def norms(player: MLP) -> list[float]:
    """Largest singular values of the normalised weights."""
    return [float(torch.linalg.matrix_norm(n(layer.weight).detach(), 2)) for n, layer in zip(player.norms, player.layers, strict=True)]  # type: ignore


@pytest.mark.parametrize("player", [MnistNet, SvhnNet, SixConvs, ConvAdapter, ConvTwoHeads])
def test_pooling_before_the_relu_changes_no_number(player: type[nn.Module]) -> None:
    """Compared with the published order, ReLU first: outputs bit for bit, and gradients."""
    torch.manual_seed(0)
    outputs = (11,) if player is ConvTwoHeads else (10,)
    net = player((3, 32, 32), outputs)  # type: ignore[call-arg]
    published, swapped = copy.deepcopy(net), 0
    for layers in [m for m in published.modules() if isinstance(m, nn.Sequential)]:
        for i in range(len(layers) - 1):
            if isinstance(layers[i], nn.MaxPool2d) and isinstance(layers[i + 1], (nn.ReLU, nn.LeakyReLU)):
                layers[i], layers[i + 1] = layers[i + 1], layers[i]
                swapped += 1
    assert swapped >= 2
    x = torch.randn(4, 3, 32, 32)
    output, expected = net(x), published(x)
    assert torch.equal(output, expected)
    parameters = [[p for name, p in n.named_parameters() if not name.startswith("generator")] for n in (net, published)]
    gradients = [torch.autograd.grad(y.square().sum(), ps) for y, ps in zip((output, expected), parameters, strict=True)]
    torch.testing.assert_close(*gradients)


def test_spectral_norms_follow_the_weights() -> None:
    settings = {"discriminator.spectral_norm": True, "discriminator.lr": 2e-2}
    start: Any = played(1, **{**settings, "discriminator.lr": 1e-9}).game.players["discriminator"]
    player: Any = played(60, **settings).game.players["discriminator"]
    assert norms(player) == pytest.approx([1.0, 1.0], abs=0.02)
    stale = [float(torch.linalg.matrix_norm(n(layer.weight).detach(), 2)) for n, layer in zip(start.norms, player.layers, strict=True)]
    assert min(stale) > 1.2  # the initial norms no longer fit


def test_a_spectral_norm_is_that_of_a_convolution_too() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3)
    norm = SpectralNorm(layer.weight)
    for _ in range(200):
        norm.follow_(layer.weight)
    assert float(torch.linalg.matrix_norm(norm(layer.weight).flatten(1).detach(), 2)) == pytest.approx(1.0, abs=1e-4)


def test_the_spectral_norms_derivative_is_miyatos() -> None:
    """∂/∂W ⟨A, W/σ⟩ = (A − ⟨A, W/σ⟩ u vᵀ)/σ, equation 12 of arXiv:1802.05957."""
    torch.manual_seed(0)
    weight, along = torch.randn(3, 4, dtype=torch.float64, requires_grad=True), torch.randn(3, 4, dtype=torch.float64)
    norm = SpectralNorm(weight)
    normal = norm(weight)
    found = torch.autograd.grad((along * normal).sum(), weight)[0]
    sigma = (weight / normal).detach()[0, 0]
    expected = (along - (along * normal).sum().detach() * torch.outer(norm.u, norm.v)) / sigma
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_evaluating_a_normed_player_changes_nothing() -> None:
    player = MLP((2,), (1,), spectral_norm=True)
    before = {name: t.clone() for name, t in player.state_dict().items()}
    x = torch.randn(5, 2)
    first, again = player(x), player(x)
    assert torch.equal(first, again) and all(torch.equal(before[name], t) for name, t in player.state_dict().items())


def test_members_that_stay_keep_their_spectral_norms() -> None:
    """In a population whose members move in different turns."""
    base = configure("ring", {"batch": 4, "turns": 6, "dtype": "float64", "generator.hidden": [4], "discriminator.hidden": [4]})
    base = base.vary({"scheduler": "alternating", "discriminator.spectral_norm": True, "discriminator.lr": 0.1})
    configs = [base, base.vary({"scheduler.ratio": 2})]
    together = Population(configs, check_equivalence=False)
    together.reset()
    for _ in range(6):
        together.play_scheduled_turn()
    for member, config in enumerate(configs):
        alone = config.build()
        alone.reset(seed=0)
        for _ in range(6):
            alone.play_scheduled_turn()
        for name, tensor in (*alone.game.named_parameters(), *alone.game.named_buffers()):
            other = dict(together.game.named_parameters()).get(name, together.game.get_buffer(name) if "norms" in name else None)
            assert other is not None and float((other[member] - tensor).detach().abs().max()) < 1e-10


@pytest.mark.parametrize(
    "player",
    [
        functools.partial(MLP, (3,), (2,), spectral_norm=True, bound=0.1),
        functools.partial(ConvDiscriminator, (1, 8, 8), (2,), widths=(4,), spectral_norm=True),
    ],
    ids=["mlp", "conv"],
)
def test_initial_norms_and_bounds_have_the_precision_of_the_game(player: Any) -> None:
    """u and v are unit vectors to 1e-15 and not float32 numbers; a player that has moved keeps its own."""
    made = player()
    rounded = [buffer.clone() for buffer in made.buffers()]
    made.double()
    for buffer, single in zip(made.buffers(), rounded, strict=True):
        assert float(buffer.norm()) == pytest.approx(1.0, abs=1e-15)
        torch.testing.assert_close(buffer.float(), single, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(made.float().buffers(), rounded, strict=True))
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn(p.shape))
    made.project_()
    moved = [buffer.clone() for buffer in made.buffers()]
    assert all(torch.equal(a, b.double()) for a, b in zip(made.double().buffers(), moved, strict=True))


@pytest.mark.parametrize("player", [functools.partial(MLP, (3,), (1,), bound=0.1), functools.partial(Vector, 9, start=9.0, bound=0.1)])
def test_a_bound_holds_in_float64_from_the_start(player: Any) -> None:
    assert max(float(p.detach().abs().max()) for p in player().double().parameters()) == 0.1
