"""Slots: interchangeable players fit, others are refused with the shapes."""

import functools

import pytest
import torch
from torch import nn

from arena import Game, GameFault
from arena.errors import SlotMismatch
from arena.games import Digits, SwissRoll
from arena.players import MLP, Vector


class TwoTensors(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("player", "message"),
    [
        (
            nn.Linear(2, 3),
            "discriminator: the role takes (N, 2) and must give (N, 1), but Linear gave (N, 3); change the module's last layer",
        ),
        (
            nn.Linear(5, 1),
            "discriminator: the role takes (N, 2) and must give (N, 1), but Linear failed on it "
            "(mat1 and mat2 shapes cannot be multiplied (2x2 and 5x1)); give a module that takes that shape",
        ),
        (
            nn.Flatten(0),
            "discriminator: the role takes (N, 2) and must give (N, 1), but Flatten gave (4,); change the module's last layer",
        ),
        (TwoTensors(), "discriminator: the role takes (N, 2) and must give (N, 1), but TwoTensors gave a tuple; return one tensor"),
        (lambda: "net", "discriminator: a player must be an nn.Module, but <lambda> gave a str"),
        (
            functools.partial(MLP, hidden=(0,)),
            "discriminator: MLP could not be built: hidden is (0,), but every width must be at least 1; the role has inputs (2,) and "
            "outputs (1,), and the player's other arguments must suit it",
        ),
    ],
)
def test_a_player_that_does_not_fit_is_refused_with_the_shapes(player: object, message: str) -> None:
    with pytest.raises(SlotMismatch) as error:
        SwissRoll(discriminator=player)  # type: ignore[arg-type]
    assert str(error.value).replace("addmm: ", "") == message  # torch names the kernel or not, by version


@pytest.mark.parametrize(
    "player", [nn.Linear(2, 1), MLP, functools.partial(MLP, hidden=()), lambda: nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))]
)
def test_any_module_that_fits_will_do(player: object) -> None:
    game = SwissRoll(discriminator=player)  # type: ignore[arg-type]
    assert game.players["discriminator"](torch.zeros(3, 2)).shape == (3, 1)


def test_trying_a_player_leaves_no_footprints() -> None:
    norm = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    SwissRoll(discriminator=norm)
    assert int(norm[1].num_batches_tracked) == 0
    assert all(m.training for m in norm.modules())


def test_images_go_through_the_same_slots() -> None:
    game = Digits()
    assert game.players["generator"](torch.zeros(2, 100)).shape == (2, 1, 8, 8)
    with pytest.raises(SlotMismatch, match=r"takes \(N, 1, 8, 8\) and must give \(N, 1\), but Linear failed"):
        Digits(discriminator=nn.Linear(64, 1))


def test_a_game_has_exactly_two_players() -> None:
    with pytest.raises(GameFault, match="Game names 3 players, but a game has exactly two"):
        Game(a=Vector(1), b=Vector(1), c=Vector(1))


def test_parts_of_a_role_are_keys_of_their_own() -> None:
    class Parts(Game):
        parts = {"model": ("features", "labels")}

        def __init__(self) -> None:
            super().__init__(model=nn.ModuleDict({"features": nn.Linear(1, 1), "labels": nn.Linear(1, 1)}), critic=nn.Linear(1, 1))

    game = Parts()
    assert game.keys == ("model.features", "model.labels", "critic")
    assert list(game.parameters_of("model.labels")) == ["players.model.labels.weight", "players.model.labels.bias"]


def test_a_discriminator_with_batch_statistics_sees_real_and_fake_apart() -> None:
    assert not SwissRoll()._apart
    assert SwissRoll(discriminator=nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))._apart
