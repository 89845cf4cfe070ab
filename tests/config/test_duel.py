"""A duel plays the same turns as the arena, in a loop of one's own."""

import copy

import pytest
import torch
from torch import Tensor, nn

import arena
from arena.core.game import Game
from arena.engine.env import Arena
from arena.errors import ArenaError
from arena.registry.construct import bound

RULES = (
    *("simultaneous", "alternating", "extragradient", "extragradient(batch=fresh)", "optimistic", "past-extragradient", "averaging"),
    *(
        "lookahead-minimax",
        "competitive-gradient-descent",
        "symplectic-gradient-adjustment",
        "unrolled",
        "lola",
        "consensus",
        "runge-kutta",
    ),
)


def players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))
    return generator, nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))


def gan(generator: nn.Module, discriminator: nn.Module, x_N2: Tensor) -> tuple[Tensor, Tensor]:
    """Losses with noise that is drawn where most code draws it: from torch's global generator, within the losses."""
    fake = generator(torch.randn(len(x_N2), 2, dtype=x_N2.dtype))
    to_fool = nn.functional.softplus(-discriminator(fake)).mean()
    to_tell = nn.functional.softplus(discriminator(fake)).mean() + nn.functional.softplus(-discriminator(x_N2)).mean()
    return to_fool, to_tell


class Same(Game):
    """The same game as a class."""

    def __init__(self) -> None:
        generator, discriminator = players()
        super().__init__(generator=generator, discriminator=discriminator)

    def sample(self, rng: arena.Rng) -> Tensor:
        return torch.randn(16, 2, generator=rng)

    def losses(self, batch: Tensor, coupling: object, movers: object) -> dict[str, Tensor]:
        return dict(zip(self.roles, gan(self.players["generator"], self.players["discriminator"], batch), strict=True))

    def score(self) -> float:
        return 0.0


def duel_of(rule: str, **more: object) -> arena.Duel:
    generator, discriminator = players()
    return arena.Duel(generator, discriminator, losses=lambda x: gan(generator, discriminator, x), rule=rule, **more)  # type: ignore[arg-type]


def numbers(duel: arena.Duel) -> list[Tensor]:
    return [t.detach().clone() for t in duel.game.state_dict().values()]


@pytest.mark.parametrize("rule", RULES)
def test_a_duel_equals_the_same_game_played_by_the_arena_bit_for_bit(rule: str) -> None:
    played = Arena(Same, rule=bound("rule", rule)(), seed=3)
    duel, stream, before = duel_of(rule, seed=3), Arena(Same, seed=3).stream, torch.get_rng_state()
    for _ in range(8):
        played.play_scheduled_turn()
        duel.step(*(stream.next() for _ in range(1 + ("fresh" in rule))))
    assert all(map(torch.equal, numbers(duel), [t.detach() for t in played.game.state_dict().values()]))
    assert (duel.turns_played, duel.arena.field.cost) == (8, played.field.cost)
    assert torch.equal(torch.get_rng_state(), before), "the losses draw from the duel's own stream"


@pytest.mark.parametrize("rule", ["lookahead-minimax(inner=extragradient)", "optimistic", "averaging"])
def test_a_duel_that_is_resumed_by_its_state_ends_with_the_same_bits(rule: str) -> None:
    data = torch.randn(12, 16, 2)
    whole, first, second = (duel_of(rule, scheduler="alternating(ratio=2)", optimizers="adam(lr=1e-2)") for _ in range(3))
    for batch in data:
        whole.step(batch, measure=True)
    for batch in data[:5]:
        first.step(batch, measure=True)
    torch.manual_seed(99)  # another process has another global stream
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for batch in data[5:]:
        second.step(batch, measure=True)
    assert all(map(torch.equal, numbers(whole), numbers(second)))
    assert whole.signals() == second.signals() and "generator.update_norm" in whole.signals()


def test_a_state_without_players_leaves_them_to_the_loop() -> None:
    data = torch.randn(8, 16, 2)
    whole, first, second = (duel_of("optimistic") for _ in range(3))
    for batch in data:
        whole.step(batch)
    for batch in data[:4]:
        first.step(batch)
    state = first.state_dict(players=False)
    assert "game" not in state
    second.game.load_state_dict(first.game.state_dict())
    second.load_state_dict(copy.deepcopy(state))
    for batch in data[4:]:
        second.step(batch)
    assert all(map(torch.equal, numbers(whole), numbers(second)))
    with pytest.raises(ArenaError, match=r"the state does not fit this duel \(.*Fix: give Duel the players"):
        duel_of("extragradient", roles=("x", "y")).load_state_dict(state)


@pytest.mark.parametrize("rule", ["simultaneous", "extragradient"])
def test_optimizers_and_their_schedulers_are_those_of_the_loop(rule: str) -> None:
    """A rule scales the rate that torch's scheduler has set; by hand, for descent, the step is that rate times the gradient."""
    generator, discriminator = players()
    optimizers = [torch.optim.SGD(p.parameters(), lr=0.5) for p in (generator, discriminator)]
    schedulers = [torch.optim.lr_scheduler.StepLR(o, 1, gamma=0.5) for o in optimizers]
    duel = arena.Duel(generator, discriminator, losses=lambda x: gan(generator, discriminator, x), optimizers=optimizers, rule=rule)
    assert [*duel.optimizers.values()] == optimizers
    batch, moved = torch.randn(16, 2), []
    for _ in range(3):
        before = torch.cat([p.detach().flatten().clone() for p in generator.parameters()])
        duel.step(batch, measure=True)
        assert [o.param_groups[0]["lr"] for o in optimizers] == [0.5 * 0.5 ** len(moved)] * 2
        moved.append(torch.cat([p.detach().flatten() for p in generator.parameters()]) - before)
        gradient = duel.signals()["generator.gradient_norm"]
        if rule == "simultaneous":
            assert moved[-1].norm().item() == pytest.approx(0.5 * 0.5 ** (len(moved) - 1) * gradient, rel=1e-4)
        for scheduler in schedulers:
            scheduler.step()
    assert optimizers[0].param_groups[0]["initial_lr"] == 0.5


def test_frozen_parameters_stay_and_stay_frozen() -> None:
    generator, discriminator = players()
    frozen = discriminator[0]
    frozen.requires_grad_(False)
    before = [p.clone() for p in frozen.parameters()]
    duel = arena.Duel(generator, discriminator, losses=lambda x: gan(generator, discriminator, x), rule="alternating")
    for batch in torch.randn(3, 16, 2):
        duel.step(batch)
    assert all(map(torch.equal, before, frozen.parameters())) and not any(p.requires_grad for p in frozen.parameters())
    assert all(p.requires_grad for p in [*generator.parameters(), *discriminator[3].parameters()])


def test_only_the_losses_of_movers_are_computed_if_the_function_asks() -> None:
    generator, discriminator = players()
    asked = []

    def losses(x: Tensor, movers: tuple[str, ...]) -> dict[str, Tensor]:
        asked.append(movers)
        to_fool, to_tell = gan(generator, discriminator, x)
        return {role: {"generator": to_fool, "discriminator": to_tell}[role] for role in movers}

    duel = arena.Duel(generator, discriminator, losses=losses, scheduler="alternating")
    returned = [[*duel.step(batch)] for batch in torch.randn(2, 16, 2)]
    assert asked == [("discriminator",), ("generator",)] and returned == [["discriminator"], ["generator"]]


def test_averaged_players_are_placed_within_a_block() -> None:
    duel = duel_of("averaging")
    for batch in torch.randn(5, 16, 2):
        duel.step(batch)
    weight = duel.game.players["generator"][0].weight  # type: ignore[index]
    live = weight.detach().clone()
    with duel.evaluated_parameters():
        assert not torch.equal(weight, live)
    assert torch.equal(weight, live)


def test_signals_are_read_now_and_then_so_that_they_do_not_fill_the_memory() -> None:
    x, y = nn.Linear(1, 1), nn.Linear(1, 1)
    duel = arena.Duel(x, y, losses=lambda b: (x(b).sum() * y(b).sum(), -x(b).sum() * y(b).sum()), optimizers="sgd(lr=1e-3)")
    for _ in range(1100):
        duel.step(torch.ones(1))
    assert len(duel.arena.signals._notes) < 512 and duel.divergence is None
    with torch.no_grad():
        x.weight.fill_(float("nan"))
    duel.step(torch.ones(1))
    assert duel.divergence == "the generator's loss was not finite in turn 1101"


def test_players_that_move_to_another_precision_go_on() -> None:
    duel = duel_of("optimistic")
    duel.step(torch.randn(16, 2))
    duel.game.double()
    duel.step(torch.randn(16, 2))
    assert duel.arena.dtype == torch.float64 and duel.turns_played == 2


def wrong(**given: object) -> object:
    generator, discriminator = players()
    return arena.Duel(generator, discriminator, **{"losses": lambda x: gan(generator, discriminator, x), **given}).step(torch.randn(16, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rule": "extragradeint"}, "unknown rule 'extragradeint': did you mean 'extragradient'"),
        ({"rule": "extragradient(batch=fresh)"}, r"the rule needs another batch.*duel.step\(batch, another_batch\)"),
        ({"optimizers": {"critic": "adam"}}, "unknown role 'critic'"),
        ({"optimizers": torch.optim.SGD([nn.Parameter(torch.ones(1))])}, "Expected one for each player"),
        ({"optimizers": [torch.optim.SGD([nn.Parameter(torch.ones(1))])] * 2}, "has 0 of its 6 trainable tensors and 1 others"),
        ({"optimizers": (3, 4)}, "a torch optimizer, a function of parameters, or a word"),
        ({"losses": lambda x: x.sum()}, r"the losses of the duel were a tensor of shape \(\)\. Expected two scalars"),
        ({"losses": lambda x: (x, x)}, r"a tensor of shape \(16, 2\) for 'generator', but a loss is one scalar"),
        ({"losses": lambda x: x.nothing}, "failed in turn 1"),
        ({"turns": 0}, "turns"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ArenaError, match=sentence):
        wrong(**given)


def test_a_duel_has_two_players_in_one_place() -> None:
    with pytest.raises(ArenaError, match=r"1 players. Expected two modules: Duel\(generator, discriminator"):
        arena.Duel(nn.Linear(1, 1), losses=len)
    with pytest.raises(ArenaError, match=r"float32 on cpu, torch.float64 on cpu\. Expected one device and one precision"):
        arena.Duel(nn.Linear(1, 1), nn.Linear(1, 1).double(), losses=lambda x: (x, x)).step(torch.ones(1))
