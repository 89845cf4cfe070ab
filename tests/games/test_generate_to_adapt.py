"""Generate-to-Adapt: its losses by hand, whom each of them moves, the ablation, and that nothing adapts at λ = 0."""

import functools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softplus

from arena import Field, Population, Rng, configure, plots
from arena.errors import BadSetting, SlotMismatch, UnknownName
from arena.games.adaptation.generate_to_adapt import GenerateToAdapt
from arena.players import MLP
from arena.players.generate_to_adapt import Adapter, ConvAdapter, ConvTwoHeads

DIGITS: dict[str, Any] = {"source": "digits", "target": "shaded-digits"}
SMALL = {
    **DIGITS,
    "coupling": "constant",
    "beta": 0.03,
    "adapter.hidden": (8, 6),
    "adapter.generates": (8,),
    "discriminator.hidden": (8,),
    "batch": 12,
    "latent": 3,
}
KEYS = ("adapter.features", "adapter.label", "adapter.generator", "discriminator")


def small(**settings: Any) -> GenerateToAdapt:
    torch.manual_seed(0)
    adapter = functools.partial(Adapter, hidden=(8, 6), generates=(8,))
    return GenerateToAdapt(adapter, functools.partial(MLP, hidden=(8,)), batch=12, latent=3, **DIGITS, **settings).double()


def drawn(game: GenerateToAdapt) -> tuple[Tensor, ...]:
    return tuple(t.double() if t.is_floating_point() else t for t in game.sample(Rng().seed_both(0, 1)))


def by_hand(game: GenerateToAdapt, coupling: float, *, both: bool) -> dict[str, Tensor]:
    """The formulas of the file's head, one by one."""
    x, c, t, _, z, z_t = drawn(game)
    adapter, d = game.players["adapter"], game.players["discriminator"]
    f: Any = adapter.features
    y: Any = adapter.label
    g: Any = adapter.generator
    g_s = g(torch.cat([one_hot(c, 11).double(), f(x), z], 1))
    g_t = g(torch.cat([one_hot(torch.full((12,), 10), 11).double(), f(t), z_t], 1))
    r, k = (lambda v: d(v)[:, 0]), (lambda v: d(v)[:, 1:])
    label, of_class = cross_entropy(y(f(x)), c), cross_entropy(k(g_s), c)
    real_fake = softplus(-r(x)).mean() + softplus(r(g_s)).mean() + softplus(r(g_t)).mean()
    pass_for_real = softplus(-r(g_s)).mean()
    return {
        "adapter.features": label + coupling * (0.1 * of_class * both + 0.03 * softplus(-r(g_t)).mean()),
        "adapter.label": label,
        "adapter.generator": of_class * both + pass_for_real,
        "discriminator": cross_entropy(k(x), c) * both + real_fake,
    }


@pytest.mark.parametrize("coupling", [1.0, 0.4])
@pytest.mark.parametrize("regime", ["adapt", "real-fake"])
def test_losses_and_whom_they_move_by_hand(regime: Any, coupling: float) -> None:
    """Each key's gradient is that of its own loss in its own parameters, and of nothing else."""
    game = small(regime=regime)
    wanted = by_hand(game, coupling, both=regime == "adapt")
    found = game.losses(drawn(game), coupling, game.keys)
    assert game.keys == KEYS
    for key in KEYS:
        torch.testing.assert_close(found[key], wanted[key])
    field = Field(game)
    field.freeze(drawn(game), coupling)
    gradients = field.gradients()
    for key in KEYS:
        own = game.parameters_of(key)
        by_autograd = torch.autograd.grad(wanted[key], list(own.values()), retain_graph=True)
        for name, gradient in zip(own, by_autograd, strict=True):
            torch.testing.assert_close(gradients[name], gradient, rtol=1e-9, atol=1e-12)


def test_features_feel_the_target_through_the_generator_alone() -> None:
    """Without β no target example has a part in what moves the features; with it, it has."""
    moved = {}
    for beta in (0.0, 0.03):
        game = small(beta=beta)
        x, c, t, others, z, z_t = drawn(game)
        t.requires_grad_()
        loss = game.losses((x, c, t, others, z, z_t), 1.0, game.keys)["adapter.features"]
        gradient = torch.autograd.grad(loss, t)[0]
        moved[beta] = float(gradient.abs().max())
    assert moved[0.0] == 0.0 and moved[0.03] > 0.0


def test_the_real_fake_head_alone_leaves_the_class_head_still() -> None:
    game = small(regime="real-fake")
    field = Field(game)
    field.freeze(drawn(game), 1.0)
    last = next(g for name, g in field.gradients().items() if name.startswith("players.discriminator") and g.shape[0] == 11)
    assert float(last[0].abs().max()) > 0 and float(last[1:].abs().max()) == 0


def test_labels_of_the_target_are_never_learnt_from() -> None:
    for regime in ("source-only", "real-fake", "adapt", "target-only"):
        game = small(regime=regime)
        x, c, t, others, *noise = drawn(game)
        changed = game.losses((x, c, t, (others + 1) % 10, *noise), 1.0, game.keys)
        kept = game.losses((x, c, t, others, *noise), 1.0, game.keys)
        same = all(torch.equal(changed[key], kept[key]) for key in KEYS)
        assert same == (regime != "target-only")


def play(turns: int = 6, **settings: Any) -> Any:
    arena = configure("generate-to-adapt", {**SMALL, "turns": turns, **settings}).build()
    arena.reset(seed=3)
    for _ in range(turns):
        arena.play_scheduled_turn()
    return arena


def test_lambda_zero_is_source_only_to_the_bit_and_the_others_rest() -> None:
    zero, source_only = play(coupling=0.0), play(regime="source-only")
    fresh = configure("generate-to-adapt", SMALL).build()
    fresh.reset(seed=3)
    for name, p in zero.game.named_parameters():
        assert torch.equal(p, source_only.game.get_parameter(name)), name
        rests = "generator" in name or "discriminator" in name
        assert torch.equal(p, fresh.game.get_parameter(name)) == rests, name


def test_members_of_a_population_equal_single_runs() -> None:
    base = configure("generate-to-adapt", {**SMALL, "dtype": "float64", "turns": 4})
    configs = [base.vary(own) for own in ({"seed": 0}, {"seed": 1, "alpha": 0.5}, {"seed": 0, "beta": 0.3})]
    population = Population(configs, check_equivalence=False)
    population.reset()
    for _ in range(4):
        population.play_turn([(1.0, 1.0, 0.5 * k) for k in range(3)])
    for member, config in enumerate(configs):
        alone = config.build()
        alone.reset(seed=config.run.seed)
        for _ in range(4):
            alone.play_turn((1.0, 1.0, 0.5 * member))
        for name, p in alone.game.named_parameters():
            torch.testing.assert_close(population.game.get_parameter(name)[member], p, rtol=1e-9, atol=1e-11)


def test_signals_against_what_they_say() -> None:
    game = small()
    x, c, t, others, z, z_t = drawn(game)
    found = game.signals((x, c, t, others, z, z_t))
    with torch.no_grad():
        d = game.players["discriminator"]
        g_s = game.generate(game.features_of(x, 0), c, z)
        torch.testing.assert_close(found["D(x)"], d(x)[:, 0].sigmoid().mean())
        torch.testing.assert_close(found["D(G_s)"], d(g_s)[:, 0].sigmoid().mean())
        assert found["generated_accuracy"] == (d(g_s)[:, 1:].argmax(1) == c).double().mean()
    assert bool(g_s.abs().max() <= 0.5)  # in the range of the pixels
    assert {"target_accuracy", "target_cross_entropy", "calibration_error", "D(G_t)", "label_loss"} <= found.keys()


def test_source_like_pictures_are_made_of_both_domains() -> None:
    arena = configure("generate-to-adapt", SMALL).build()
    made = dict(plots.more_figures(arena, last=False))
    titles = [axis.get_title() for axis in made["generated"].axes]
    assert list(made) == ["generated"]
    assert titles == ["source", "made of the source", "target", "made of the target"]


def test_points_play_as_well() -> None:
    arena = play(turns=2, source="moons", target="rotated-moons")
    assert all(math.isfinite(value) for value in arena.read_signals().values())
    assert list(dict(plots.more_figures(arena, last=False))) == ["generated", "features"]


class Normed(Adapter):
    """The small adapter with batch normalisation in its features."""

    def __init__(self, inputs: Any, outputs: Any, latent: int, pixels: bool):
        super().__init__(inputs, outputs, latent, pixels, hidden=(8, 6), generates=(8,))
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(inputs), 6), nn.BatchNorm1d(6))


@pytest.mark.parametrize("regime", ["source-only", "real-fake", "adapt"])
def test_statistics_of_each_domain_where_both_are_learnt_from(regime: Any) -> None:
    """Running means are those of each domain's own batch, by hand; who learns from the source alone has its for both."""
    torch.manual_seed(0)
    game = GenerateToAdapt(Normed, MLP, batch=12, latent=3, regime=regime, bn_mode="per_domain", **DIGITS).double()
    x, _, t, *_ = batch = drawn(game)
    game.losses(batch, 1.0, game.keys)
    _, linear, layer = game.players["adapter"].features  # type: ignore[misc]
    means = [0.1 * linear(v.flatten(1)).mean(0).detach() for v in (x, t)]
    if regime == "source-only":
        means[1].zero_()
        game.eval()
        torch.testing.assert_close(game.features_of(t, 1), game.features_of(t, 0))
    for statistics, mean in zip(layer.of_domain, means, strict=True):
        torch.testing.assert_close(statistics.running_mean, mean)


def test_the_published_nets_play() -> None:
    nets = {**DIGITS, "adapter": "conv-adapter", "discriminator": "conv-two-heads", "form": "32x32x3", "batch": 3, "latent": 512}
    arena = configure("generate-to-adapt", nets).build()
    arena.episode.begin(0)  # without scoring the whole test set
    sizes = {key: sum(p.numel() for p in arena.game.parameters_of(key).values()) for key in KEYS}
    assert sizes["adapter.features"] == 3 * 64 * 25 + 64 + 64 * 64 * 25 + 64 + 64 * 128 * 25 + 128
    assert sizes["adapter.label"] == 128 * 128 + 128 + 1290
    transposed = 651 * 512 * 4 + 512 * 256 * 16 + 256 * 128 * 16 + 128 * 64 * 16 + 64 * 3 * 16 + 3
    assert sizes["adapter.generator"] == transposed + 2 * (512 + 256 + 128 + 64)
    convolutions = 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 128)
    assert sizes["discriminator"] == convolutions + 2 * (64 + 128 + 256 + 128) + 129 + 1290
    before = [p.clone() for p in arena.game.parameters()]
    arena.play_turn((1, 1, 1))
    assert all(not torch.equal(a, b) for a, b in zip(before, arena.game.parameters(), strict=True))


class Broken(Adapter):
    def __init__(self, inputs: Any, outputs: Any, latent: int = 8, pixels: bool = False):
        super().__init__(inputs, outputs, latent, pixels)
        self.generator = nn.Linear(10 + 1 + 32 + latent, 63)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"adapter": Broken}, SlotMismatch, "adapter: its generator takes (N, 51) and must give (N, 1, 8, 8), but gave (N, 63)"),
        (
            {"adapter": MLP},
            SlotMismatch,
            "adapter: the role needs the children 'features', 'label' and 'generator', but MLP has no 'features'",
        ),
        ({"adapter": ConvAdapter}, SlotMismatch, "but must be an image of 32×32 pixels. Fix: choose the form 32x32x3, or another player"),
        ({"discriminator": ConvTwoHeads}, SlotMismatch, "but must be an image of 32×32 pixels"),
        ({"regime": "real"}, UnknownName, "unknown regime 'real'"),
        ({"bn_mode": "concat"}, UnknownName, "unknown bn_mode 'concat'"),
        ({"latent": 0}, BadSetting, "latent is 0, but must be a whole number of at least 1"),
        ({"alpha": -1.0}, BadSetting, "alpha is -1.0, but must be a finite number of at least 0"),
    ],
)
def test_bad_input_gets_one_clear_sentence(settings: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        GenerateToAdapt(**DIGITS, **settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
