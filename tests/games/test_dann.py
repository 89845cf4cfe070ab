"""Domain adaptation: one backward pass against two, λ = 0 against source-only, domains and their faults, what is measured."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from arena import Field, Population, Rng, configure
from arena.accelerate.compiled_field import Compiled
from arena.accelerate.sharded_field import ShardedField
from arena.checks.games import examine
from arena.errors import ArenaError
from arena.games.adaptation.calibration import calibration_error
from arena.games.adaptation.dann import DANN
from arena.players import MLP, LabelledMLP, TwoParts

SMALL = {"extractor.hidden": (8, 6), "domain.hidden": (8,), "batch": 16}


def small(**settings: Any) -> DANN:
    torch.manual_seed(0)
    return DANN(functools.partial(LabelledMLP, hidden=(8, 6)), functools.partial(MLP, hidden=(8,)), batch=16, **settings)


class Normed(TwoParts):
    """Batch norm and dropout on the way to the features."""

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]):
        features = nn.Sequential(nn.Linear(inputs[0], 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 4))
        super().__init__(features, nn.Linear(4, outputs[0]))


def fields(game: DANN, coupling: float | Tensor = 0.7) -> tuple[Field, Field]:
    """By one backward pass, and by one for each loss."""
    batch = tuple(t.double() if t.is_floating_point() else t for t in game.sample(Rng().seed_both(0, 1)))
    made = Field(game), Field(game)
    made[1].jointly = False
    for field in made:
        field.freeze(batch, coupling, seed=5)
    return made


def same(a: dict[str, Tensor], b: dict[str, Tensor], tolerance: float = 1e-12) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, b[name], rtol=tolerance, atol=tolerance)


# One backward pass --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coupling", [0.0, 0.7, torch.tensor(0.7, dtype=torch.float64)], ids=["zero", "number", "tensor"])
@pytest.mark.parametrize("bn_mode", ["concat", "separate", "per_domain"])
def test_the_turn_of_one_backward_pass_is_the_explicit_field(bn_mode: Any, coupling: float | Tensor) -> None:
    torch.manual_seed(0)
    game = DANN(Normed, functools.partial(MLP, hidden=(8,)), bn_mode=bn_mode, batch=16).double()
    joint, explicit = fields(game, coupling)
    start = {name: b.clone() for name, b in game.named_buffers()}
    one = joint.gradients()
    after_one = {name: b.clone() for name, b in game.named_buffers()}
    game.load_state_dict(start, strict=False)
    same(one, explicit.gradients())
    same(after_one, dict(game.named_buffers()))  # running statistics move once as well
    assert joint.first is not None and explicit.first is not None
    same({k: v.detach() for k, v in joint.first[0].items()}, {k: v.detach() for k, v in explicit.first[0].items()})
    assert joint.gradient_evaluations == explicit.gradient_evaluations == 2


def test_it_is_played_by_one_forward_and_one_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    from arena.core.field import field as field_module

    passes: list[Any] = []
    own = field_module.backward
    monkeypatch.setattr(field_module, "backward", lambda *a: passes.append(a) or own(*a))
    for jointly, count in ((True, 1), (False, 2)):
        arena_ = configure("dann", {**SMALL, "jointly": jointly}).build()
        arena_.reset(seed=0)
        passes.clear()
        arena_.play_turn((1, 1, 0.5))
        assert len(passes) == count
        arena_.play_turn((0, 1, 0.5))  # one that moves alone has its own loss
        assert len(passes) == count + 1


def test_derivatives_of_the_field_come_from_the_explicit_losses() -> None:
    game = small().double()
    joint, explicit = fields(game)
    rng = torch.Generator().manual_seed(3)
    tangent = {name: torch.randn(p.shape, generator=rng, dtype=p.dtype) for name, p in game.named_parameters()}
    same(joint.jvp(tangent), explicit.jvp(tangent))
    same(joint.vjp(tangent), explicit.vjp(tangent))
    h = 1e-6
    ahead, behind = ({n: p.detach() + s * h * tangent[n] for n, p in game.named_parameters()} for s in (1, -1))
    up, down = joint.gradients(ahead), joint.gradients(behind)
    product = joint.jvp(tangent)
    for name in product:
        torch.testing.assert_close(product[name], (up[name] - down[name]) / (2 * h), rtol=1e-5, atol=1e-7)


def test_a_split_batch_has_the_same_joint_field() -> None:
    game = small().double()
    whole, _ = fields(game)
    split = ShardedField(game, micro_batches=4)
    split.freeze(whole.batch, whole.coupling)
    assert split.jointly
    same(whole.gradients(), split.gradients())


def test_compiled_code_plays_the_joint_field() -> None:
    game = small()
    plain, compiled = Field(game), Field(game)
    compiled.compiled = Compiled(game)
    batch = game.sample(Rng().seed_both(0, 1))
    plain.freeze(batch, torch.tensor(0.3))
    plain.gradients()  # a first evaluation is not compiled, since it is the one that is checked
    for coupling in (0.3, 0.7):
        for field in (plain, compiled):
            field.freeze(batch, torch.tensor(coupling))
        compiled.plan.checked = True
        found, wanted = compiled.gradients(), plain.gradients()
        assert compiled.compiled.why_not is None
        for name in wanted:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-6)


def test_members_of_a_population_equal_single_runs() -> None:
    base = configure("dann", {**SMALL, "dtype": "float64", "turns": 12})
    own = [{"seed": 0}, {"seed": 1, "angle": 50.0}, {"seed": 2, "noise": 0.2}, {"seed": 0, "domain.lr": 0.01}]
    configs = [base.vary(settings) for settings in own]
    population = Population(configs, check_equivalence=False)
    population.reset()
    assert population.field.jointly
    for turn in range(12):
        population.play_turn([(1.0, 1.0, 0.25 * k if turn % 3 else 0.5) for k in range(4)])
    scores = population.measure_scores()
    for member, config in enumerate(configs):
        alone = config.build()
        alone.reset(seed=config.run.seed)
        for turn in range(12):
            alone.play_turn((1.0, 1.0, 0.25 * member if turn % 3 else 0.5))
        for name, p in alone.game.named_parameters():
            torch.testing.assert_close(population.game.get_parameter(name)[member], p, rtol=1e-10, atol=1e-12)
        assert alone.measure_score() == pytest.approx(scores[member], abs=1e-12)


# Regimes ------------------------------------------------------------------------------------------------------------------------


def play(turns: int = 20, **settings: Any) -> Any:
    arena = configure("dann", {**SMALL, "turns": turns, **settings}).build()
    arena.reset(seed=3)
    for _ in range(turns):
        arena.play_scheduled_turn()
    return arena


def test_lambda_zero_is_source_only_to_the_bit() -> None:
    """And both are plain training of the extractor, by hand, without a domain classifier."""
    zero, source_only = play(coupling=0.0), play(regime="source-only")
    by_hand = configure("dann", SMALL).build()
    by_hand.reset(seed=3)
    net = by_hand.game.players["extractor"]
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, betas=(0.5, 0.999), fused=True)
    for turn in range(20):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - turn / 20)
        x, y, _, _ = by_hand.stream.next()
        optimizer.zero_grad()
        cross_entropy(net(x), y).backward()
        optimizer.step()
    for name, p in net.named_parameters():
        for arena in (zero, source_only):
            assert torch.equal(arena.game.players["extractor"].get_parameter(name), p), name
    fresh = configure("dann", SMALL).build()
    fresh.reset(seed=3)
    for arena in (zero, source_only):
        for mine, start in zip(arena.game.players["domain"].parameters(), fresh.game.players["domain"].parameters(), strict=True):
            assert torch.equal(mine, start)


def test_a_warm_up_on_the_source_alone_is_source_only() -> None:
    warm = {"scheduler": "warm-up", "scheduler.fraction": 1.0, "scheduler.first": 1.0, "scheduler.second": 0.0, "scheduler.coupled": False}
    warmed, source_only = play(**warm), play(regime="source-only")
    for p, q in zip(warmed.game.parameters(), source_only.game.parameters(), strict=True):
        assert torch.equal(p, q)


def test_target_only_learns_from_target_labels() -> None:
    game = small(regime="target-only")
    batch = game.sample(Rng().seed_both(0, 1))
    loss = game.losses(batch, 1.0, game.keys)["extractor"]
    torch.testing.assert_close(loss, cross_entropy(game.players["extractor"](batch[2]), batch[3]))


def test_the_losses_are_their_formulas() -> None:
    game = small().double()
    x, c, t, _ = (v.double() if v.is_floating_point() else v for v in game.sample(Rng().seed_both(0, 1)))
    extractor: Any = game.players["extractor"]
    d = game.players["domain"]
    told = 0.5 * softplus(d(extractor.features(x))).mean() + 0.5 * softplus(-d(extractor.features(t))).mean()
    losses = game.losses((x, c, t, c), 0.4, game.keys)
    torch.testing.assert_close(losses["domain"], told)
    torch.testing.assert_close(losses["extractor"], cross_entropy(extractor(x), c) - 0.4 * told)
    with torch.no_grad():
        for p in d.parameters():
            p.zero_()
    assert game.losses((x, c, t, c), 0.4, game.keys)["domain"].item() == pytest.approx(math.log(2))


def test_separate_statistics_are_those_of_each_domain() -> None:
    torch.manual_seed(0)
    games = {mode: DANN(Normed, MLP, bn_mode=mode, batch=64) for mode in ("concat", "separate", "per_domain")}  # type: ignore[arg-type]
    x, _, t, _ = games["concat"].sample(Rng().seed_both(0, 1))
    start = {name: v.clone() for name, v in games["concat"].players["extractor"].state_dict().items()}
    for game in games.values():
        game.players["extractor"].load_state_dict(start, strict=False)
        game._features(x, t + 3)
    weight = games["concat"].players["extractor"].features[0].weight  # type: ignore[union-attr,index]
    mean = [(v @ weight.T).mean(0).detach() for v in (x, t + 3)]
    norm = {mode: game.players["extractor"].features[1] for mode, game in games.items()}  # type: ignore[union-attr,index]
    torch.testing.assert_close(norm["concat"].running_mean, 0.1 * (mean[0] + mean[1]) / 2)
    torch.testing.assert_close(norm["separate"].running_mean, 0.9 * 0.1 * mean[0] + 0.1 * mean[1])
    own = games["per_domain"].players["extractor"].features[0].weight  # type: ignore[union-attr,index]
    for which, v in enumerate((x, t + 3)):
        torch.testing.assert_close(norm["per_domain"].of_domain[which].running_mean, 0.1 * (v @ own.T).mean(0).detach())


@pytest.mark.parametrize("regime", ["source-only", "target-only"])
def test_who_learns_from_one_domain_has_its_statistics_for_both(regime: str) -> None:
    """Statistics of a domain that never goes through in training would be those of an untrained net."""
    found = []
    for mode in ("concat", "per_domain"):
        torch.manual_seed(0)
        game = DANN(Normed, MLP, bn_mode=mode, batch=64, regime=regime)  # type: ignore[arg-type]
        batch = game.sample(Rng().seed_both(0, 1))
        for _ in range(50):
            game.losses(batch, 1.0, game.keys)
        found.append([game.outputs(which)[0] for which in (0, 1)])
    for alone, kept_apart in zip(*found, strict=True):
        torch.testing.assert_close(alone, kept_apart)


PUBLISHED_NETS: list[tuple[str, dict[str, Any], int, int]] = [
    ("lenet", {"form": "28x28x1"}, 500, 431_080),
    ("mnist-net", {"form": "32x32x3"}, 3072, 2432 + 38_448 + 307_300 + 10_100 + 1010),  # conv5 3→32, conv5 32→48, fc 100, 100, 10
    ("mnist-net", {"form": "32x32x3", "extractor.normed": True}, 3200, 0),
    ("svhn-net", {"form": "32x32x3", "extractor.width": 96}, 6272, 0),
    ("svhn-net", {"form": "32x32x3", "extractor.width": 96, "extractor.normed": True, "bn_mode": "per_domain"}, 6272, 0),
    ("six-convs", {"form": "32x32x3", "extractor.normed": True, "bn_mode": "separate", "extractor.spread": 0.02}, 128, 0),
]


@pytest.mark.parametrize(("net", "settings", "features", "parameters"), PUBLISHED_NETS)
def test_published_nets_play(net: str, settings: dict[str, Any], features: int, parameters: int) -> None:
    own = {"extractor": net, "domain": "domain-net", "domain.hidden": (8,), "batch": 4, "source": "digits", "target": "shaded-digits"}
    arena = configure("dann", {**own, **settings}).build()
    arena.episode.begin(0)  # without scoring the whole test set
    before = [p.clone() for p in arena.game.parameters()]
    arena.play_turn((1, 1, 0.5))
    assert all(not torch.equal(a, b) for a, b in zip(before, arena.game.parameters(), strict=True))
    assert all(math.isfinite(value) for value in arena.read_signals().values())
    assert arena.game.slots["domain"].inputs == (features,)
    if parameters:
        assert sum(p.numel() for p in arena.game.players["extractor"].parameters()) == parameters


# What is measured ---------------------------------------------------------------------------------------------------------------


def test_signals_against_what_they_say() -> None:
    game = small()
    x, c, t, ct = game.sample(Rng().seed_both(0, 1))
    found = game.signals((x, c, t, ct))
    extractor: Any = game.players["extractor"]
    d = game.players["domain"]
    assert found["label_accuracy"] == (extractor(x).argmax(1) == c).float().mean()
    torch.testing.assert_close(found["target_cross_entropy"], cross_entropy(extractor(t), ct))
    torch.testing.assert_close(found["domain_loss"], game.losses((x, c, t, ct), 1.0, game.keys)["domain"])
    right = (d(extractor.features(x)) < 0).sum() + (d(extractor.features(t)) > 0).sum()
    assert found["domain_accuracy"] == right / 32
    features = extractor.features(torch.cat([x, t])).detach().requires_grad_()
    (0.5 * softplus(d(features[:16])).mean() + 0.5 * softplus(-d(features[16:])).mean()).backward()
    torch.testing.assert_close(found["reversed_gradient"], features.grad.norm())


def test_calibration_of_a_known_mixture() -> None:
    """Ten guesses at confidence .8 of which six are right, ten at .6 all right: (10/20)·.2 + (10/20)·.4 = .3."""
    p = torch.tensor([0.8] * 10 + [0.6] * 10)
    logits = torch.stack([p.log(), (1 - p).log()], 1)
    labels = torch.tensor([0] * 6 + [1] * 4 + [0] * 10)
    assert float(calibration_error(logits, labels)) == pytest.approx(0.3, abs=1e-6)


def test_scores_look_at_the_test_set_and_signals_leave_nothing() -> None:
    arena = configure("dann", {"extractor": Normed, "domain.hidden": (8,), "batch": 16}).build()
    arena.reset(seed=0)
    arena.play_turn((1, 1, 0.5))
    before = {name: t.clone() for name, t in arena.game.state_dict().items()}
    arena.read_signals()
    first = arena.measure_score()
    assert first == arena.measure_score()
    assert all(torch.equal(before[name], t) for name, t in arena.game.state_dict().items())
    assert all(m.training for m in arena.game.players.modules())
    logits, labels = arena.game.outputs(1)
    assert len(labels) == 1000
    assert first == pytest.approx(1 - float((logits.argmax(1) == labels).float().mean()))


# Faults -------------------------------------------------------------------------------------------------------------------------


class OneLogitSoftmax(nn.Module):
    """A published fault: a softmax over one logit is 1 whatever it is given."""

    def __init__(self, inputs: tuple[int, ...]):
        super().__init__()
        self.layer = nn.Linear(inputs[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).softmax(1)


class Deaf(OneLogitSoftmax):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(0 * x)


@pytest.mark.parametrize("constant", [OneLogitSoftmax, Deaf])
def test_a_domain_classifier_that_ignores_its_input_is_caught(constant: type[nn.Module]) -> None:
    fault = examine(lambda: DANN(domain=constant)).fault
    assert fault is not None
    assert "the parameter 'players.domain.layer." in fault
    assert "gets no gradient from its player's loss" in fault


def npz(path: Path, labels: int | None = 10, side: int = 8, high: int = 255, dtype: Any = np.uint8, **more: Any) -> str:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {f"x_{part}": (rng.random((40, side, side)) * high).astype(dtype) for part in ("train", "test")}
    if labels is not None:
        arrays |= {f"y_{part}": (np.arange(40) % labels).astype(np.uint8) for part in ("train", "test")}
    np.savez(path, **(arrays | more))
    return str(path)


FAULTS: list[tuple[Callable[[Path], dict[str, Any]], str]] = [
    (lambda p: {"source": "moon"}, "unknown source 'moon': did you mean 'moons'?"),
    (lambda p: {"target": "digits"}, "target is 'digits', but must be moons or rotated-moons, points like the source moons"),
    (
        lambda p: {"source": "digits", "target": npz(p, y_train=np.full(40, 10), y_test=np.full(40, 11))},
        "a domain with labels of the source digits, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, not 10, 11",
    ),
    (lambda p: {"source": npz(p, None), "target": "digits"}, "but must be a domain with labels (to learn from)"),
    (lambda p: {"source": "digits", "target": npz(p, None), "regime": "target-only"}, "must be a domain with labels (regime target-only)"),
    (lambda p: {"source": "digits", "target": npz(p, high=16)}, "holds bytes from 0 to 15, which are nearly black. Expected 0 to 255"),
    (
        lambda p: {"source": "digits", "target": npz(p, None, x_test=np.zeros((3, 3, 4, 4, 2), np.uint8))},
        "has the shape (3, 4, 4, 2). Expected H×W, or H×W×C or C×H×W with 1 to 4 channels",
    ),
    (lambda p: {"source": "digits", "target": npz(p, None, x_test=np.zeros((0, 8, 8), np.uint8))}, "has no examples in its part test"),
    (
        lambda p: {"source": "digits", "target": npz(p, y_train=np.arange(40) / 8)},
        "the label 0.125 is neither a whole number nor a word. Fix: give each class a number or a name",
    ),
    (
        lambda p: {"source": "digits", "target": npz(p, y_test=np.zeros(7, np.uint8))},
        "has labels of the shape (7,) for 40 examples. Expected one for each",
    ),
    (lambda p: {"source": "digits", "target": npz(p, None, y_train=np.zeros(40, np.uint8))}, "has labels in one of its parts only"),
    (lambda p: {"source": "digits", "target": "nowhere.npz"}, "nowhere.npz does not exist. Expected the path of a data set"),
    (
        lambda p: {"source": "digits", "target": npz(p, x_train=np.eye(40), x_test=np.eye(40))},
        "must be images like the source digits, not rows of 40 numbers",
    ),
    (lambda p: {"angle": math.nan}, "angle is nan, but must be a finite number"),
    (lambda p: {"regime": "adapted"}, "unknown regime 'adapted': did you mean 'adapt'?"),
    (
        lambda p: {"extractor": nn.Linear(2, 2)},
        "extractor: the role needs the children 'features' and 'label', but Linear has no 'features'",
    ),
]


@pytest.mark.parametrize(("settings", "message"), FAULTS)
def test_bad_input_gets_one_clear_sentence(settings: Callable[[Path], dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArenaError) as error:
        DANN(**settings(tmp_path / "own.npz"))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("of_source", "of_target", "told"),
    [
        (np.arange(40) % 3, np.arange(40) % 2, "lacks the labels 2 of the source \\(partial adaptation\\)$"),
        (
            np.arange(40) % 2,
            np.arange(40) % 3,
            "has labels that the source lacks \\(an open set\\), 2: the score leaves out their examples",
        ),
        (
            10 * np.arange(40),
            10 * np.arange(40)[::-1] + 10,
            "lacks the labels 0 of the source .*, and has labels .*, 400: the score leaves out",
        ),
    ],
    ids=["partial", "open set", "forty classes, each domain with its own"],
)
@pytest.mark.parametrize("regime", ["adapt", "target-only"])
def test_domains_need_not_have_the_same_classes(of_source: Any, of_target: Any, told: str, regime: str, tmp_path: Path) -> None:
    """The score is the error over the target's examples of the source's classes, counted by hand."""
    source = npz(tmp_path / "source.npz", y_train=of_source, y_test=of_source)
    target = npz(tmp_path / "target.npz", y_train=of_target, y_test=of_target)
    with pytest.warns(UserWarning, match=told):
        arena = configure("dann", {**SMALL, "batch": 50, "source": source, "target": target, "regime": regime}).build()
        arena.reset(seed=0)
    arena.play_turn((1, 1, 0.5))
    pixels, net = torch.from_numpy(np.load(target)["x_test"]).float().unsqueeze(1) / 255 - 0.5, arena.game.players["extractor"]
    known = np.isin(of_target, of_source)
    guesses = np.unique(of_source)[net(pixels).argmax(1).numpy()]
    assert arena.measure_score() == pytest.approx(1 - (guesses == of_target)[known].mean())
    with torch.no_grad():
        assert all(math.isfinite(value) for value in [*arena.game.metrics().values(), *arena.read_signals().values()])


def test_a_target_without_labels_works_and_lacks_what_needs_them(tmp_path: Path) -> None:
    own = npz(tmp_path / "own.npz", None)
    with pytest.warns(UserWarning, match="own.npz has no labels: its accuracy, cross-entropy, calibration and the score are absent"):
        arena = configure("dann", {**SMALL, "source": "digits", "target": own}).build()
        arena.reset(seed=0)
    arena.play_turn((1, 1, 0.5))
    names = {name for name in arena.read_signals() if name.startswith("game.")}
    assert names == {f"game.{n}" for n in ("label_loss", "label_accuracy", "domain_loss", "domain_accuracy", "reversed_gradient")}
    assert math.isnan(arena.measure_score())
