"""Attacker against classifier: its moves are FGSM and PGD written by hand, what it measures is honest, and it plays as any game does."""

import copy
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import arena
from arena import Arena, ArenaError, Rng, Slot, configure
from arena.core.field.members import CannotShare
from arena.errors import BadSetting, DataUnavailable, SlotMismatch, UnknownName
from arena.games.attack.game import SETS, Attack
from arena.games.attack.robustness import Threat, accuracy, attack, correct, curve, withstands
from arena.games.data import images
from arena.optimizers import normalized, sign
from arena.optimizers.batched_kinds import batched_optimizer
from arena.optimizers.sign_descent import Normalized, Sign
from arena.players.ball import uniform
from arena.players.base import build_player, hooks
from benchmarks.equality import difference

EXACT: dict[str, Any] = {"data": "digits", "batch": 12, "dtype": "float64", "turns": 40, "scored": 20, "classifier.schedule": "constant"}


def built(**settings: Any) -> Arena:
    made = configure("attack", {**EXACT, **settings}).build()
    made.reset(seed=0)
    return made


def played(turns: int, **settings: Any) -> Arena:
    made = built(**settings)
    for _ in range(turns):
        made.play_scheduled_turn()
    return made


def by_hand(classifier: nn.Module, x: Tensor, y: Tensor, delta: Tensor, norm: str, epsilon: float, alpha: float, steps: int) -> Tensor:
    """The adversarial images of PGD, image by image, as its papers write it: a step, into the ball, and the pixels clamped."""
    found = []
    for image, label, begin in zip(x, y, delta, strict=True):
        own = begin
        for _ in range(steps):
            moved = (image + own).requires_grad_()
            (slope,) = torch.autograd.grad(cross_entropy(classifier(moved.unsqueeze(0)), label.unsqueeze(0)), moved)
            if norm == "linf":
                wish = own + alpha * slope.sign()
                wish = torch.where(wish > epsilon, epsilon, torch.where(wish < -epsilon, -epsilon, wish))
            else:
                wish = own + alpha * slope / slope.square().sum().sqrt()
                wish = wish * min(1.0, epsilon / float(wish.square().sum().sqrt()))
            own = (image + wish).clamp(0, 1).detach() - image
        found.append(image + own)
    return torch.stack(found)


def adversarial(playing: Arena) -> Tensor:
    image = playing.batch["image"]
    with torch.no_grad():
        return image + playing.game.players["attacker"](image)


# The attacker's moves -----------------------------------------------------------------------------------------------------------


def test_one_move_from_the_images_is_fgsm() -> None:
    playing = played(1, **{"attacker.start": 0.0, "epsilon": 0.2, "attacker.lr": 0.2})
    image, label = playing.batch["image"].clone().requires_grad_(), playing.batch["label"]
    (slope,) = torch.autograd.grad(cross_entropy(playing.game.players["classifier"](image), label), image)
    expected = (image + 0.2 * slope.sign()).clamp(0, 1).detach()
    assert image.dtype == torch.float64
    torch.testing.assert_close(adversarial(playing), expected, rtol=0, atol=1e-15)
    assert float((expected - image.detach()).abs().max()) == pytest.approx(0.2)


@pytest.mark.parametrize(("norm", "epsilon", "alpha"), [("linf", 0.3, 0.1), ("l2", 1.0, 0.4)])
@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("steps", [1, 4])
def test_moves_are_steps_of_pgd(norm: str, epsilon: float, alpha: float, start: float, steps: int) -> None:
    optimizer = "sign" if norm == "linf" else "normalized"
    own = {"attacker.start": start, "attacker.optimizer": optimizer, "attacker.lr": alpha, "scheduler.ratio": steps}
    playing = played(steps, norm=norm, epsilon=epsilon, **own)
    assert playing.moves == {"classifier": 0, "attacker": steps}
    image, label, begin = (playing.batch[name] for name in ("image", "label", "start"))
    expected = by_hand(playing.game.players["classifier"], image, label, epsilon * start * begin, norm, epsilon, alpha, steps)
    torch.testing.assert_close(adversarial(playing), expected, rtol=0, atol=1e-12)


def test_the_classifier_moves_on_the_images_that_were_attacked_and_the_next_batch_begins_anew() -> None:
    playing = played(3, **{"scheduler.ratio": 3})
    attacked, delta = playing.batch["image"], playing.game.players["attacker"].delta.detach().clone()
    classifier = copy.deepcopy(playing.game.players["classifier"])
    cross_entropy(classifier(attacked + delta), playing.batch["label"]).backward()
    playing.play_scheduled_turn()
    assert playing.batch["image"] is attacked
    for own, other in zip(classifier.parameters(), playing.game.players["classifier"].parameters(), strict=True):
        step = -5e-3 * own.grad / (own.grad.abs() + 1e-8)  # Adam's first  # type: ignore[operator, union-attr]
        torch.testing.assert_close(other.detach() - own.detach(), step, rtol=1e-8, atol=1e-12)
    playing.play_scheduled_turn()
    assert not torch.equal(playing.batch["image"], attacked)


def test_an_epoch_has_each_image_once_and_goes_on_where_it_was() -> None:
    rng, count, n = Rng().seed_both(3, 4), 10, 4
    drawn, states = [], []
    for _ in range(10):
        states.append(rng.state_dict())
        drawn.append(rng.epoch(count, n))
    epochs = torch.cat(drawn).view(4, count)
    assert torch.equal(epochs.sort().values, torch.arange(count).expand(4, count))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 4
    for i in (0, 2, 5, 7):  # at the beginning, before and after an epoch's end, and in its middle
        fresh = Rng()
        fresh.load_state_dict(states[i])
        torch.randn(3, generator=fresh.noise)  # which is another stream
        assert all(torch.equal(fresh.epoch(count, n), drawn[j]) for j in range(i, 10))


def test_the_images_of_an_epoch_are_drawn_without_replacement() -> None:
    game, rng = Attack(data="digits", batch=300), Rng().seed_both(0, 1)
    epoch = torch.cat([game.sample(rng)["image"].flatten(1) for _ in range(5)])
    everything = images.load("digits", torch.device("cpu"))["x_train"].flatten(1)
    assert sorted(map(tuple, (epoch * 255).round().int().tolist())) == sorted(map(tuple, everything.int().tolist()))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_is_trained_on_is_an_image_within_the_ball(norm: str) -> None:
    playing = played(2, norm=norm, epsilon=0.5, **{"attacker.optimizer": "sign", "attacker.lr": 5.0})
    moved = adversarial(playing)
    delta = (moved - playing.batch["image"]).flatten(1)
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1
    size = delta.abs().amax(1) if norm == "linf" else delta.norm(dim=1)
    assert float(size.max()) <= 0.5 + 1e-12 and float(size.max()) > 0.1


def test_starts_fill_the_ball_evenly() -> None:
    """In d dimensions a share sᵈ of the L2 ball's volume lies within radius s; in each coordinate of the L∞ ball a share s."""
    rng = torch.Generator().manual_seed(0)
    lengths = uniform((20_000, 3), "l2", rng).norm(dim=1)
    assert float((lengths < 0.5).double().mean()) == pytest.approx(0.125, abs=0.01)
    assert float((uniform((20_000, 3), "linf", rng).abs() < 0.5).double().mean()) == pytest.approx(0.5, abs=0.01)


def test_the_amortised_attacker_learns_to_attack() -> None:
    """Against a trained classifier that stays as it is."""
    training = played(40, dtype="float32", batch=50, regime="natural", scheduler="simultaneous")
    alone = {"scheduler": "warm-up", "scheduler.fraction": 1.0, "scheduler.first": 0.0, "scheduler.second": 1.0}
    net = {"attacker": "amortized-attacker", "attacker.optimizer": "adam", "attacker.lr": 3e-3}
    playing = built(dtype="float32", batch=50, **alone, **net, turns=150)
    playing.game.players["classifier"].load_state_dict(training.game.players["classifier"].state_dict())
    playing.play_scheduled_turn()
    before = playing.game.signals(playing.batch)
    for _ in range(60):
        playing.play_scheduled_turn()
    after = playing.game.signals(playing.batch)
    assert float(before["clean_accuracy"]) > 0.8 and float(after["clean_accuracy"]) > 0.8
    assert float(after["adversarial_accuracy"]) < float(before["adversarial_accuracy"]) - 0.3
    moved = adversarial(playing)
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1 and float((moved - playing.batch["image"]).abs().max()) < 0.3 + 1e-6


# What the classifier trains on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regime", [{"coupling": 0.0}, {"regime": "natural"}], ids=["coupling 0", "natural"])
def test_without_influence_of_the_attacker_it_is_a_plain_loop_on_clean_images(regime: dict[str, Any]) -> None:
    playing = built(**regime, **{"classifier.optimizer": "sgd", "classifier.lr": 0.1})
    classifier = copy.deepcopy(playing.game.players["classifier"])
    plain = torch.optim.SGD(classifier.parameters(), lr=0.1)
    for _ in range(10):
        playing.play_scheduled_turn()
        playing.play_scheduled_turn()
        plain.zero_grad()
        cross_entropy(classifier(playing.batch["image"]), playing.batch["label"]).backward()
        plain.step()
    assert playing.moves == {"classifier": 10, "attacker": 10}
    for own, other in zip(classifier.parameters(), playing.game.players["classifier"].parameters(), strict=True):
        assert torch.equal(own, other)


def test_between_them_losses_are_mixed() -> None:
    playing = played(1)
    image, label = playing.batch["image"], playing.batch["label"]
    classifier = playing.game.players["classifier"]
    with torch.no_grad():
        clean, attacked = cross_entropy(classifier(image), label), cross_entropy(classifier(adversarial(playing)), label)
        found = playing.game.losses(playing.batch, 0.25, ("classifier", "attacker"))
        whole = playing.game.losses(playing.batch, torch.tensor(1.0), ("classifier", "attacker"))
    torch.testing.assert_close(found["classifier"], 0.75 * clean + 0.25 * attacked)
    torch.testing.assert_close(found["attacker"], -0.25 * attacked)
    torch.testing.assert_close(whole["classifier"] + whole["attacker"], torch.zeros_like(clean))
    assert float(attacked) > float(clean)


def test_regimes_change_the_images_as_they_say() -> None:
    def drawn(**settings: Any) -> Tensor:
        return Attack(data="digits", batch=200, **settings).sample(Rng(torch.device("cpu")).seed_both(0, 1))["image"]

    natural = drawn(regime="natural")
    assert natural.shape == (200, 1, 8, 8) and float(natural.max()) == 1
    torch.testing.assert_close(drawn(regime="augmentation", shift=0.0, rotation=0.0), natural, rtol=0, atol=1e-5)
    turned, noisy = drawn(regime="augmentation"), drawn(regime="noise", noise=0.1)
    assert float((turned - natural).abs().mean()) > 0.05
    inner = (natural > 0.4) & (natural < 0.6)  # far from where the clamp is felt
    assert float((noisy - natural)[inner].std()) == pytest.approx(0.1, abs=0.01)
    for changed in (turned, noisy):
        assert float(changed.min()) >= 0 and float(changed.max()) <= 1
    torch.testing.assert_close(drawn(regime="noise", noise=0.0), natural)


# What is measured ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> dict[str, Attack]:
    """Classifiers of digits after a few seconds: on clean images, and on attacked ones."""
    base = {"data": "digits", "batch": 50, "epsilon": 0.15, "attacker.lr": 0.1875, "scored": 100}
    alone = {"scheduler": "warm-up", "scheduler.fraction": 1.0, "scheduler.first": 1.0, "scheduler.second": 0.0}
    made = {}
    for name, own in {"natural": {"regime": "natural", **alone, "turns": 200}, "adversarial": {"turns": 700}}.items():
        playing = configure("attack", {**base, **own}).build()
        playing.reset(seed=0)
        for _ in range(playing.turns):
            playing.play_scheduled_turn()
        assert isinstance(playing.game, Attack)
        made[name] = playing.game
    return made


def test_robustness_falls_with_epsilon_and_training_against_the_attacker_helps(trained: dict[str, Attack]) -> None:
    epsilons = [0.0, 0.05, 0.1, 0.15, 0.3]
    found = {}
    for name, game in trained.items():
        image, label = game.test_images(150)
        found[name] = curve(game.players["classifier"], image, label, epsilons, Threat(0.15))
        assert found[name] == sorted(found[name], reverse=True)
        assert found[name][0] == float(correct(game.players["classifier"], image, label).double().mean())
    assert found["natural"][0] > 0.85 and found["adversarial"][0] > 0.75
    assert found["natural"][-1] < 0.05
    assert found["adversarial"][3] > found["natural"][3] + 0.15


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_at_epsilon_zero_every_attack_gives_exactly_the_clean_answer(trained: dict[str, Attack], norm: Any) -> None:
    game = trained["natural"]
    image, label = game.test_images(120)
    classifier = game.players["classifier"]
    clean = correct(classifier, image, label)
    for threat in (Threat(0.0, norm, restarts=3), Threat.fgsm(0.0, norm), Threat(0.0, norm, step_size=0.1)):
        assert torch.equal(withstands(classifier, image, label, threat), clean)
    still = Attack(data="digits", epsilon=0.0, norm=norm, scored=120)
    still.players["classifier"].load_state_dict(classifier.state_dict())
    assert float(still.score()) == pytest.approx(1 - float(clean.double().mean()), abs=1e-6)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.12), ("l2", 0.8)])
def test_an_image_is_right_if_it_is_at_every_step_of_every_restart(trained: dict[str, Attack], norm: Any, epsilon: float) -> None:
    """Against PGD by hand, which leaves nothing out and goes on after it has fooled the classifier."""
    game = trained["adversarial"]
    classifier = copy.deepcopy(game.players["classifier"]).double()
    image, label = (part[:40] for part in game.test_images(40))
    image = image.double()
    threat = Threat(epsilon, norm, steps=12, restarts=2, seed=3)
    rng = torch.Generator().manual_seed(3)
    standing = classifier(image).argmax(1) == label
    for _ in range(2):
        moved = (image + epsilon * uniform(tuple(image.shape), norm, rng).double()).clamp(0, 1)
        for _ in range(13):
            standing &= classifier(moved).argmax(1) == label
            moved = by_hand(classifier, image, label, moved - image, norm, epsilon, epsilon / 4, 1)
    found = [withstands(classifier, image, label, threat, at_once) for at_once in (7, 250)]
    assert torch.equal(found[0], standing) and torch.equal(found[1], standing)
    assert 0 < int(standing.sum()) < 40
    once = accuracy(classifier, image, label, Threat(epsilon, norm, steps=12, restarts=1, seed=3))
    assert once >= float(standing.double().mean())


def test_the_score_is_the_error_under_an_attack_with_one_start(trained: dict[str, Attack]) -> None:
    game = trained["adversarial"]
    image, label = game.test_images(game.scored)
    expected = 1 - accuracy(game.players["classifier"], image, label, Threat(0.15, steps=10, restarts=1))
    assert float(game.score()) == pytest.approx(expected, abs=1e-6)
    assert 0.05 < expected < 0.95


def test_the_metrics_are_accuracies_as_they_are_and_under_one_step(trained: dict[str, Attack]) -> None:
    game = trained["adversarial"]
    classifier, (image, label) = game.players["classifier"], game.test_images(game.scored)
    found = {name: float(value) for name, value in game.metrics().items()}
    clean = float(correct(classifier, image, label).double().mean())
    assert found == pytest.approx(
        {"clean-accuracy": clean, "fgsm-accuracy": accuracy(classifier, image, label, Threat.fgsm(game.epsilon))}, abs=1e-6
    )
    assert found["clean-accuracy"] >= found["fgsm-accuracy"] >= 1 - float(game.score()) - 0.05


def test_measuring_leaves_no_footprints() -> None:
    one, other = played(3), played(3)
    game = other.game
    assert isinstance(game, Attack)
    image, label = game.test_images(20)
    streams = torch.get_rng_state()
    game.score()
    game.metrics()
    game.picture()
    game.signals(other.batch)
    curve(game.players["classifier"], image, label, [0.1, 0.2], Threat(0.2, restarts=2))
    assert torch.equal(torch.get_rng_state(), streams)
    assert all(module.training for module in game.modules())
    assert all(p.grad is None or torch.equal(p.grad, q.grad) for p, q in zip(game.parameters(), one.game.parameters(), strict=True))
    for playing in (one, other):
        for _ in range(3):
            playing.play_scheduled_turn()
    state = one.game.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in other.game.state_dict().items())


# Steps of a given length --------------------------------------------------------------------------------------------------------


def test_the_sign_and_the_normalised_step() -> None:
    for make, expected in ((sign, [[-0.5, 0.5], [0.0, -0.5]]), (normalized, [[-0.3, 0.4], [0.0, -0.5]])):
        p = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
        step = make([p], lr=0.5)
        p.grad = torch.tensor([[30.0, -40.0], [0.0, 1e-3]], dtype=torch.float64)
        step.step()
        torch.testing.assert_close(p.detach(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-15)
    with pytest.raises(BadSetting, match="lr is 0"):
        sign([nn.Parameter(torch.zeros(1))], lr=0.0)


@pytest.mark.parametrize("kind", [Sign, Normalized])
def test_a_population_steps_as_its_members_do(kind: Any) -> None:
    start, slope = (torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    together = nn.Parameter(start.clone())
    alone = [nn.Parameter(one.clone()) for one in start]
    steps = [kind([p], lr=lr) for p, lr in zip(alone, (0.1, 0.3), strict=True)]
    all_at_once = batched_optimizer(steps, [together])
    for _ in range(2):
        together.grad = slope.clone()
        all_at_once.step()
        for p, g, one in zip(alone, slope, steps, strict=True):
            p.grad = g.clone()
            one.step()
    torch.testing.assert_close(together.detach(), torch.stack([p.detach() for p in alone]), rtol=0, atol=1e-15)


@pytest.mark.parametrize("own", [{}, {"norm": "l2", "attacker.optimizer": "normalized"}, {"regime": "augmentation"}], ids=str)
def test_a_population_of_two_equals_single_runs(own: dict[str, Any]) -> None:
    members: list[dict[str, Any]] = [{}, {"attacker.lr": 0.1, "epsilon": 0.2, "coupling": 0.5, "attacker.start": 0.5}]
    assert difference("attack", {**EXACT, **own}, members, 6) < 1e-10


class Normed(nn.Sequential):
    """Batch norm after a bias, whose true gradient is therefore 0."""

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]):
        channels, height, width = inputs
        flat = 4 * height * width
        super().__init__(nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(flat, outputs[0]))


@pytest.mark.parametrize("side", [(8, 8), (8, 8, 3)], ids=["grey", "colour"])
def test_own_images_under_attack_of_a_classifier_with_batch_norm_play_alone_and_in_a_population(
    side: tuple[int, ...], tmp_path: Path
) -> None:
    rng, labels = np.random.default_rng(0), 10 * np.arange(12) % 30
    arrays = {f"x_{part}": rng.integers(256, size=(12, *side), dtype=np.uint8) for part in ("train", "test")}
    np.savez(tmp_path / "mine.npz", y_train=labels, y_test=labels, **arrays)  # type: ignore[arg-type]
    own = {**EXACT, "data": str(tmp_path / "mine.npz"), "classifier": Normed, "batch": 6, "turns": 4, "score.every": 2}
    members = [configure("attack", own).vary({"seed": seed}) for seed in range(2)]
    assert tuple(members[0].build().game.slots["classifier"].outputs) == (3,)
    together = arena.populations(members)
    outcomes = together.play()
    assert together.why == []
    for config, outcome in zip(members, outcomes, strict=True):
        alone = config.build()
        alone.reset(seed=config.run.seed)
        for _ in range(4):
            alone.play_scheduled_turn()
        assert outcome.status == "finished" and outcome.score == pytest.approx(alone.measure_score())


def test_an_attack_evaluates_the_classifier() -> None:
    classifier = Normed((1, 8, 8), (10,))
    before = copy.deepcopy(classifier.state_dict())
    attack(classifier, torch.rand(4, 1, 8, 8), torch.arange(4), Threat(0.1, steps=2))
    assert classifier.training and all(torch.equal(before[name], tensor) for name, tensor in classifier.state_dict().items())


def test_members_that_attack_more_often_are_told_to_play_alone() -> None:
    members: list[dict[str, Any]] = [{"scheduler.ratio": 1}, {"scheduler.ratio": 3}]
    with pytest.raises(CannotShare, match="keeps its batch until the classifier has moved"):
        difference("attack", {**EXACT, "attacker.lr": 0.1}, members, 8)


# What a slot and a batch tell a player ------------------------------------------------------------------------------------------


def test_players_hear_of_the_batch_where_they_ask_for_it() -> None:
    heard: list[Any] = []

    class Plain(nn.Linear):
        def project_(self, most: float = 1.0) -> None:
            heard.append(("plain project", most))

        def on_batch(self) -> None:
            heard.append("plain")

    class Asks(nn.Linear):
        def project_(self, batch: Any) -> None:
            heard.append(("project", batch))

        def on_batch(self, batch: Any) -> None:
            heard.append(batch)

    both = nn.Sequential(Plain(1, 1), Asks(1, 1))
    for name in ("on_batch", "project_"):
        for hook in hooks(both, name):
            hook("the batch")
    assert heard == ["plain", "the batch", ("plain project", 1.0), ("project", "the batch")]


def test_a_slot_tells_a_player_what_it_has_arguments_for() -> None:
    class Told(nn.Linear):
        def __init__(self, outputs: tuple[int, ...], examples: int = 1):
            super().__init__(examples, *outputs)

    assert build_player(Told, (5,), (2,), {"examples": 3, "epsilon": 0.1}).weight.shape == (2, 3)  # type: ignore[union-attr]
    assert Slot((3,), (2,), Told, {"examples": 3}).fill("attacker").weight.shape == (2, 3)  # type: ignore[union-attr]
    config = configure("attack", {"data": "digits"}).flat()
    assert "attacker.start" in config and not {"attacker.epsilon", "attacker.examples", "attacker.norm"} & set(config)


def test_a_run_goes_on_in_the_middle_of_a_batch() -> None:
    one = played(3, **{"scheduler.ratio": 2})
    one.play_scheduled_turn()
    state = copy.deepcopy(one.state_dict())
    other = built(**{"scheduler.ratio": 2})
    other.load_state_dict(state)
    for playing in (one, other):
        for _ in range(4):
            playing.play_scheduled_turn()
    state = one.game.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in other.game.state_dict().items())


# What bad input gets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"epsilon": -0.1}, BadSetting, "epsilon is -0.1, but must be"),
        ({"batch": 1501}, BadSetting, "batch is 1501, but must be"),
        ({"steps": 0}, BadSetting, "steps is 0, but must be"),
        ({"scored": 0}, BadSetting, "scored is 0, but must be"),
        ({"noise": -1.0}, BadSetting, "noise is -1.0, but must be"),
        ({"norm": "l1"}, UnknownName, "l1"),
        ({"regime": "nature"}, UnknownName, "natural"),
        ({"data": "imagenet"}, UnknownName, "imagenet"),
        ({"classifier": nn.Flatten()}, SlotMismatch, "classifier"),
        ({"classifier": nn.Linear(28, 10)}, SlotMismatch, "classifier"),
    ],
    ids=str,
)
def test_bad_settings_are_one_sentence(settings: dict[str, Any], kind: type[ArenaError], message: str) -> None:
    with pytest.raises(kind) as error:
        Attack(**{"data": "digits", **settings})
    assert message in str(error.value)
    assert "Traceback" not in str(error.value)


def test_a_bad_start_is_told() -> None:
    with pytest.raises(ArenaError, match="start is 2"):
        built(**{"attacker.start": 2.0})


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (torch.full((2, 1, 8, 8), 255.0), [0, 1], "pixels is 'from 255 to 255', but must be within [0, 1]; divide bytes by 255"),
        (torch.zeros(2, 1, 8, 8), [1, 10], "labels is 'from 1 to 10', but must be within [0, 9]; count classes from 0"),
        (torch.zeros(2, 1, 8, 8), [1], "labels is '1 numbers', but must be one for each of the 2 images"),
    ],
)
def test_images_and_labels_out_of_range_are_refused(image: Tensor, label: list[int], message: str) -> None:
    classifier = Attack(data="digits").players["classifier"]
    with pytest.raises(BadSetting) as error:
        withstands(classifier, image, torch.tensor(label), Threat(0.1))
    assert str(error.value) == message


def test_threats_out_of_range_are_refused() -> None:
    for own, message in (({"epsilon": -1.0}, "epsilon is -1.0"), ({"steps": 0}, "steps is 0"), ({"restarts": -1}, "restarts is -1")):
        with pytest.raises(BadSetting, match=message):
            Threat(**own)  # type: ignore[arg-type]


# A whole run --------------------------------------------------------------------------------------------------------------------


def test_the_picture_says_what_its_scale_and_its_dashed_line_are() -> None:
    game = configure("attack", {"data": "digits", "scored": 10}).build().game
    made = game.picture()
    made.canvas.draw()
    grid, curve = made.axes[:2]
    (scale,) = grid.child_axes
    assert [text.get_text() for text in scale.get_yticklabels()] == ["−0.3", "0", "0.3"]
    assert "the game's ε = 0.3" in [text.get_text() for text in curve.get_legend().get_texts()]
    box, whole = grid.get_window_extent(), made.bbox
    assert box.height > 0.7 * whole.height and box.width > 0.5 * whole.width


@pytest.mark.rendered
def test_a_short_run_ends_with_a_picture(tmp_path: Path) -> None:
    settings = {"score.every": 20, "trace.every": 10, "trace.tensorboard": False}
    result = arena.play("attack", data="digits", turns=40, batch=50, scored=50, out=tmp_path / "run", display=False, **settings)
    assert (result.status, result.turns) == ("finished", 40)
    assert result.score is not None and 0 <= result.score <= 1
    pixels = matplotlib.image.imread(result.picture)
    assert pixels.shape[0] > 200 and pixels.shape[1] > 600 and float(pixels[..., :3].std()) > 0.05


@pytest.mark.parametrize("data", SETS)
def test_every_named_data_set_is_attacked(data: str) -> None:
    """In its own shape and number of images; an epoch has each once."""
    try:
        pixels = images.load(data, torch.device("cpu"))
    except DataUnavailable as error:
        pytest.skip(str(error))
    game = Attack(data=data, batch=4, steps=1)
    batch = game.sample(Rng().seed_both(0, 1))
    shape, count = SETS[data]
    assert (tuple(batch["image"].shape), len(pixels["x_train"])) == ((4, *shape), count)
    losses = game.losses(batch, 1.0, ("classifier", "attacker"))
    assert float(losses["classifier"].detach()) == pytest.approx(-float(losses["attacker"].detach()))
