"""The field, its Jacobian products, and what they cost, against closed forms and finite differences."""

import pytest
import torch

from arena import Field, Game, GameFault
from arena.config import configure
from arena.core.directions import dot
from arena.errors import RuleUndefined
from arena.games import Quadratic, SwissRoll
from tests.support.operations import Once
from tests.support.quadratic_games import random_jacobian


def make(seed: int = 0) -> tuple[Field, torch.Tensor, torch.Tensor]:
    j = random_jacobian(seed)
    game = Quadratic(matrix=tuple(map(tuple, j.tolist())), split=2).double()
    game.jacobian = j
    field = Field(game)
    return field, j, torch.cat([p.detach() for p in game.parameters()])


def flat(direction: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([direction["players.x.value"], direction["players.y.value"]])


def split(z: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"players.x.value": z[:2], "players.y.value": z[2:]}


def test_gradients_here_and_displaced_are_jz() -> None:
    field, j, z = make()
    torch.testing.assert_close(flat(field.gradients()), j @ z, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(flat(field.gradients(split(2 * z))), j @ (2 * z), rtol=1e-12, atol=1e-12)


def test_products_are_those_of_the_jacobian() -> None:
    field, j, _ = make()
    t = torch.arange(5, dtype=torch.float64)
    torch.testing.assert_close(flat(field.jvp(split(t))), j @ t, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(flat(field.vjp(split(t))), j.T @ t, rtol=1e-12, atol=1e-12)
    assert (field.gradient_evaluations, field.products, field.cost) == (0, 4, 12)  # two players' rows, twice


def test_products_match_finite_differences_on_a_gan() -> None:
    torch.manual_seed(0)
    game = SwissRoll(batch=32).double()
    field = Field(game)
    from arena import Rng

    real, noise = game.sample(Rng().seed_both(0, 1))
    field.freeze((real.double(), noise.double()), 1.0)
    tangent = {name: torch.randn_like(p) for name, p in field.moving.items()}
    up, down = (field.gradients({n: p.detach() + s * 1e-6 * tangent[n] for n, p in field.moving.items()}) for s in (1, -1))
    product = field.jvp(tangent)
    for name, p in product.items():
        torch.testing.assert_close(p, (up[name] - down[name]) / 2e-6, rtol=1e-4, atol=1e-6)
    cotangent = {name: torch.randn_like(p) for name, p in field.moving.items()}
    assert float(dot(cotangent, product)) == pytest.approx(float(dot(field.vjp(cotangent), tangent)), rel=1e-9)


def test_only_movers_are_evaluated_and_counted() -> None:
    field, j, z = make()
    field.freeze(None, 1.0, ("y",))
    gradients = field.gradients()
    assert list(gradients) == ["players.y.value"]
    torch.testing.assert_close(gradients["players.y.value"], (j @ z)[2:])
    assert field.gradient_evaluations == 1
    assert all(p.requires_grad for p in field.game.parameters())


def test_coupling_scales_the_off_diagonal_blocks() -> None:
    field, j, z = make()
    field.freeze(None, 0.25)
    scaled = j.clone()
    scaled[:2, 2:] *= 0.25
    scaled[2:, :2] *= 0.25
    torch.testing.assert_close(flat(field.gradients()), scaled @ z)


def test_dropout_masks_are_frozen_with_the_batch() -> None:
    def net(width_in: int, width_out: int) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(width_in, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, width_out))

    game = SwissRoll(generator=net(2, 2), discriminator=net(2, 1), batch=16)
    field = Field(game)
    from arena import Rng

    batch = game.sample(Rng().seed_both(0, 1))
    stream = torch.get_rng_state()
    field.freeze(batch, 1.0, seed=5)
    first, again = field.gradients(), field.gradients()
    assert all(torch.equal(first[n], again[n]) for n in first)
    field.freeze(batch, 1.0, seed=6)
    assert any(not torch.equal(first[n], g) for n, g in field.gradients().items())
    assert torch.equal(stream, torch.get_rng_state())


class Wrong(Game):
    def __init__(self, found: object):
        super().__init__(left=torch.nn.Linear(1, 1), right=torch.nn.Linear(1, 1))
        self.found = found

    def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
        return self.found


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "Wrong.losses returned [], but 'left' moves; return one scalar for each mover"),
        ({"left": torch.zeros(3)}, "Wrong.losses gave a tensor of shape (3,) for 'left', but a loss is one scalar; average over the batch"),
        ({"left": 1.0}, "Wrong.losses gave float for 'left', but a loss is one scalar; average over the batch"),
        (
            {"left": torch.zeros(())},
            "Wrong.losses gave 'left' a loss that no gradient reaches; compute it from the player's output",
        ),
    ],
)
def test_unusable_losses_are_named(found: object, message: str) -> None:
    with pytest.raises(GameFault) as error:
        Field(Wrong(found)).gradients()
    assert str(error.value) == message


class Flat(Quadratic):
    """A game that has gradients and no second derivatives."""

    def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
        x, y = self.players["x"](), self.players["y"]()
        return {"x": (Once.apply(x) * y).sum(), "y": -(Once.apply(x) * y).sum()}


@pytest.mark.parametrize("rule", ["consensus", "sga", "cgd", "look-ahead", "lola", "unrolled", "ridge"])
def test_a_rule_says_that_a_game_lacks_second_derivatives(rule: str) -> None:
    made = configure(Flat, {"rule": rule}).build()
    with pytest.raises(RuleUndefined, match=r"^\w+ in turn 1: this needs second derivatives, which an operation of Flat lacks \("):
        made.play_turn((1.0, 1.0, 1.0))
    configure(Flat, {"rule": "extragradient"}).build().play_turn((1.0, 1.0, 1.0))
    assert all(p.requires_grad for p in made.game.parameters())


def test_products_fall_back_on_two_backward_passes_where_forward_mode_is_missing() -> None:
    """A custom function has no forward-mode derivative unless it says so; a twice differentiable one is still enough."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, gradient):  # type: ignore[no-untyped-def]
            return 3 * ctx.saved_tensors[0] ** 2 * gradient

    class Custom(Quadratic):
        def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
            x, y = self.players["x"](), self.players["y"]()
            return {"x": (Cube.apply(x) * y).sum(), "y": -(Cube.apply(x) * y).sum()}

    field = Field(Custom().double())
    field.freeze(None, 1.0)
    x, y = (p.item() for p in field.moving.values())
    found = field.jvp({name: torch.ones_like(p) for name, p in field.moving.items()})
    assert [float(t) for t in found.values()] == pytest.approx([6 * x * y + 3 * x**2, -3 * x**2], rel=1e-12)


def test_looking_ahead_leaves_running_statistics_alone() -> None:
    def net(inputs, outputs):  # type: ignore[no-untyped-def]
        return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, outputs[0]))

    seen = {}
    for rule in ("simultaneous", "consensus", "sga", "lola", "runge-kutta", "cgd(iterations=3,incomplete=accept)"):
        made = configure("ring", {"rule": rule, "scheduler": "simultaneous", "generator": net, "discriminator": net, "batch": 16}).build()
        made.play_turn((1.0, 1.0, 1.0))
        seen[rule] = {name: int(b) for name, b in made.game.named_buffers() if name.endswith("num_batches_tracked")}
    assert all(counts == seen["simultaneous"] for counts in seen.values())


def test_partial_products_are_blocks_of_the_jacobian() -> None:
    field, j, _ = make()
    t = torch.arange(5, dtype=torch.float64)
    x, y = {"players.x.value": t[:2]}, {"players.y.value": t[2:]}
    torch.testing.assert_close(field.jvp(y, of=["x"])["players.x.value"], j[:2, 2:] @ t[2:], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(field.vjp(x, of=["y"])["players.y.value"], j[:2, 2:].T @ t[:2], rtol=1e-12, atol=1e-12)
    h = j.clone()
    h[:2, :2] = h[2:, 2:] = 0
    torch.testing.assert_close(flat(field.cross(split(t))), h @ t, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(flat(field.cross_transposed(split(t))), h.T @ t, rtol=1e-12, atol=1e-12)
    assert field.products == 6


def test_the_field_at_many_positions() -> None:
    field, j, _ = make()
    points = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = field.across({"players.x.value": points[:, :2], "players.y.value": points[:, 2:]})
    torch.testing.assert_close(torch.cat([*found.values()], dim=1), points @ j.T, rtol=1e-12, atol=1e-12)
    assert field.gradient_evaluations == 14
