"""GANs on images: the convolutional pair, the supervised term by hand, ranges and sizes that do not fit, and what is drawn."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arena import Population, Rng, check_game, configure
from arena.errors import BadSetting, SlotMismatch
from arena.games.data import images
from arena.games.data.judge import judge, train
from arena.games.gan.image_sets import CIFAR10Subset, Digits, FashionMNIST, MNISTConv
from arena.games.gan.images import ImageGAN, between, codes_of, range_of
from arena.players import MLP, ConvDiscriminator, ConvGenerator
from arena.players.base import mixes_examples
from arena.plots import game_figure, image_grids


@pytest.fixture(autouse=True)
def hasty_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Judges that learn for a moment and are forgotten: nothing here asks what they say."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("arena.games.data.judge.train", functools.partial(train, steps=3))
    judge.cache_clear()
    yield
    judge.cache_clear()


# Players ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "side", "sides"), [(1, 28, (14, 7, 3)), (3, 28, (14, 7, 3)), (1, 32, (16, 8, 4)), (3, 32, (16, 8, 4))]
)
def test_the_convolutional_pair_has_the_published_sizes(channels: int, side: int, sides: tuple[int, ...]) -> None:
    """Code 128 → 128 × side/4 × side/4 → 64 × side/2 × side/2 → C × side × side; and 64-128-256 at half the side each."""
    image = (channels, side, side)
    generator, discriminator = ConvGenerator((128,), image), ConvDiscriminator(image, (1,))
    seen: list[tuple[int, ...]] = []
    for layer in (*generator.layers, *discriminator.layers):
        layer.register_forward_hook(lambda _, inputs, output: seen.extend([tuple(inputs[0].shape[1:]), tuple(output.shape[1:])]))
    made = generator(torch.zeros(2, 128))
    assert discriminator(made).shape == (2, 1)
    small, middle = (128, side // 4, side // 4), (64, side // 2, side // 2)
    expected = [small, middle, middle, image, image]
    for width, left in zip((64, 128, 256), sides, strict=True):
        expected += [(width, left, left)] * 2
    assert seen == expected[:-1]
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in (*generator.modules(), *discriminator.modules()))
    assert not mixes_examples(discriminator, image)


def test_they_are_the_layers_that_one_would_write_in_a_row() -> None:
    torch.manual_seed(0)
    generator, discriminator = (
        ConvGenerator((5,), (3, 8, 8), widths=(4, 2)).double(),
        ConvDiscriminator((3, 8, 8), (1,), widths=(4, 6)).double(),
    )
    flat = generator.start
    rows = nn.Linear(5, 16).double()  # the same numbers, channels first
    rows.weight.data = flat.weight.data.view(2, 2, 4, 5).permute(2, 0, 1, 3).reshape(16, 5)
    rows.bias.data = flat.bias.data.view(2, 2, 4).permute(2, 0, 1).reshape(16)
    by_hand = nn.Sequential(rows, nn.Unflatten(1, (4, 2, 2)), nn.ReLU(), generator.layers[0], nn.ReLU(), generator.layers[1], nn.Tanh())
    noise = torch.randn(3, 5, dtype=torch.float64)
    torch.testing.assert_close(generator(noise), by_hand(noise), rtol=1e-12, atol=1e-12)
    slope = nn.LeakyReLU(0.2)
    told = nn.Sequential(discriminator.layers[0], slope, discriminator.layers[1], slope, nn.Flatten(), discriminator.last)
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(discriminator(x), told(x), rtol=1e-12, atol=1e-12)


def test_channels_last_changes_the_layout_and_no_number() -> None:
    torch.manual_seed(0)
    pair = nn.Sequential(ConvGenerator((6,), (1, 28, 28), widths=(8, 4)), ConvDiscriminator((1, 28, 28), (1,), widths=(4, 8))).double()
    noise = torch.randn(3, 6, dtype=torch.float64)
    before = pair(noise)
    pair.to(memory_format=torch.channels_last)
    torch.testing.assert_close(pair(noise), before, rtol=1e-12, atol=1e-12)
    first = pair[0].start(noise).unflatten(1, pair[0].smallest).permute(0, 3, 1, 2)
    assert first.is_contiguous(memory_format=torch.channels_last)  # without a copy


def test_sides_that_do_not_halve_are_cut_from_the_middle_of_the_next_larger_image() -> None:
    torch.manual_seed(0)
    larger = ConvGenerator((8,), (1, 32, 32), widths=(8, 8, 8))
    odd = ConvGenerator((8,), (1, 30, 25), widths=(8, 8, 8))
    odd.load_state_dict(larger.state_dict())
    noise = torch.randn(3, 8)
    torch.testing.assert_close(odd(noise), larger(noise)[:, :, 1:31, 3:28])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConvGenerator((8,), (784,)), r"outputs is \(784,\), but a convolutional player needs an image: "),
        (lambda: ConvGenerator((8,), (1, 28, 28), widths=()), r"widths is \(\), but must hold at least one width, and each must be"),
        (
            lambda: ConvDiscriminator((1, 8, 8), (1,), widths=(8, 8, 8, 8)),
            "an image of 8×8 pixels does not halve 4 times. Fix: use fewer widths",
        ),
        (lambda: ConvDiscriminator((1, 8, 8), (1,), widths=(8, 0)), r"widths is \(8, 0\), but must hold"),
    ],
)
def test_sizes_that_do_not_work_are_refused(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_spectral_norms_follow_the_weights_of_convolutions() -> None:
    torch.manual_seed(0)
    plain = ConvDiscriminator((1, 8, 8), (1,), widths=(4, 6)).double()
    normed = ConvDiscriminator((1, 8, 8), (1,), widths=(4, 6), spectral_norm=True).double()
    normed.load_state_dict(plain.state_dict(), strict=False)
    assert plain.project_ is None and normed.project_ is not None
    for _ in range(200):
        normed.project_()
    with torch.no_grad():  # by hand: every weight as a matrix of its outputs against the rest, over its largest singular value
        for layer in (*plain.layers, plain.last):
            layer.weight /= torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(normed(x), plain(x), rtol=1e-6, atol=1e-9)


def test_widths_are_settings() -> None:
    config = configure("digits", {"generator": "conv-generator", "discriminator": "conv-discriminator", "generator.widths": (6, 4)})
    game = config.example()
    assert [layer.in_channels for layer in game.players["generator"].layers] == [6, 4]
    assert configure("cifar10").flat()["discriminator.widths"] == (64, 128, 256)


# Games --------------------------------------------------------------------------------------------------------------------------


def saved(folder: Path, shape: tuple[int, ...], count: int = 12, **changes: Any) -> str:
    """A data set of that many random images to train on and half as many to test on, and its path."""
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", count), ("test", count // 2)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n, dtype=np.uint8)
    file = folder / "images.npz"
    np.savez(file, **(arrays | changes))
    return str(file)


def own_game(file: str, image: tuple[int, int, int], base: type[ImageGAN] = ImageGAN) -> type[ImageGAN]:
    class Own(base):  # type: ignore[misc,valid-type]
        data_set, shape = file, image

    return Own


SMALL = {
    "generator": functools.partial(ConvGenerator, widths=(4, 3)),
    "discriminator": functools.partial(ConvDiscriminator, widths=(3, 4)),
    "latent": 5,
    "batch": 6,
}


@pytest.mark.parametrize(
    ("base", "shape", "l1"),
    [
        pytest.param(CIFAR10Subset, (32, 32, 3), 0.7, marks=pytest.mark.thorough),
        (MNISTConv, (28, 28), 0.0),
        pytest.param(FashionMNIST, (28, 28), 0.7, marks=pytest.mark.thorough),
    ],
)
def test_convolutional_games_pass_every_check(tmp_path: Path, base: type[ImageGAN], shape: tuple[int, ...], l1: float) -> None:
    game = own_game(saved(tmp_path, shape), base.shape, base)
    assert check_game(functools.partial(game, **SMALL, l1=l1)).fault is None


@pytest.mark.thorough
def test_a_normed_game_on_packs_of_images_passes_every_check(tmp_path: Path) -> None:
    normed = {**SMALL, "discriminator": functools.partial(ConvDiscriminator, widths=(3, 4), spectral_norm=True)}
    game = own_game(saved(tmp_path, (8, 8)), (1, 8, 8))
    assert check_game(functools.partial(game, **normed, pack=2, penalty="r1", instance_noise=0.1, l1=0.3)).fault is None


def test_the_judge_sees_the_same_images_in_either_range() -> None:
    signed, unit = Digits(), Digits(functools.partial(MLP, final="sigmoid"), pixels="unit")
    seen = [game.judge().outputs(game.compared(64, Rng().seed_both(0, 1)))[1] for game in (signed, unit)]
    torch.testing.assert_close(*seen, rtol=1e-4, atol=1e-4)


def test_the_digits_pass_with_supervision() -> None:
    assert check_game(functools.partial(Digits, l1=0.5)).fault is None


def test_colours_and_ranges_are_drawn_as_they_are_stored(tmp_path: Path) -> None:
    x = np.zeros((1, 4, 4, 3), np.uint8)
    x[0, 1, 2] = (255, 51, 0)
    file = saved(tmp_path, (4, 4, 3), 1, x_train=x, y_train=np.zeros(1, np.uint8), x_test=x, y_test=np.zeros(1, np.uint8))
    for pixels, final, expected in (("signed", "tanh", (1, -0.6, -1)), ("unit", "sigmoid", (1, 0.2, 0))):
        game = own_game(file, (3, 4, 4))(functools.partial(MLP, final=final), batch=1, pixels=pixels)
        drawn = game.real(1, Rng())
        assert drawn.shape == (1, 3, 4, 4)
        torch.testing.assert_close(drawn[0, :, 1, 2], torch.tensor(expected), rtol=0, atol=1e-6)
        assert float(drawn.min()) == expected[2] and float(drawn.sum()) == pytest.approx(sum(expected) + 45 * expected[2], abs=1e-4)


class Flat(nn.Module):
    """Gives one grey value for every pixel, plus a little of the first number of the code; or is sure of nothing."""

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...], grey: float = 0.25, slope: float = 0.0):
        super().__init__()
        self.grey, self.slope, self.outputs = nn.Parameter(torch.tensor(grey)), slope, outputs

    def forward(self, x: Tensor) -> Tensor:
        first = x.flatten(1)[:, :1]
        return (self.grey + self.slope * first).expand(len(x), math.prod(self.outputs)).unflatten(1, self.outputs)


def test_the_supervised_term_by_hand(tmp_path: Path) -> None:
    """All images are white, x = 1, and G gives ¼ everywhere: |G − x| = ¾. D gives 0: L_G = λ ln 2 + w·¾, of slope −w in the grey."""
    white = np.full((8, 2, 2), 255, np.uint8)
    file = saved(tmp_path, (2, 2), 8, x_train=white)
    flat, unsure = functools.partial(Flat, grey=0.25), functools.partial(Flat, grey=0.0)
    game = own_game(file, (1, 2, 2))(flat, unsure, latent=3, batch=4, l1=0.4).double()
    batch = game.sample(Rng().seed_both(0, 1))
    for coupling in (1.0, 0.5, 0.0):  # λ weighs what the players feel of each other, which the supervised term is not
        losses = game.losses(batch, coupling, game.keys)
        assert losses["generator"].item() == pytest.approx(coupling * math.log(2) + 0.4 * 0.75, abs=1e-6)
        assert losses["discriminator"].item() == pytest.approx((1 + coupling) * math.log(2), abs=1e-6)
    (slope,) = torch.autograd.grad(game.losses(batch, 1.0, ("generator",))["generator"], [game.players["generator"].grey])
    assert float(slope) == pytest.approx(-0.4, abs=1e-6)  # d|b − 1|/db = −1, and D does not look


def test_every_image_has_its_own_code(tmp_path: Path) -> None:
    """Image i is of grey 20·i. G gives ¼ of the first number of its code: |c_{i,0}/4 − x_i| is the term, pair by pair."""
    grey = np.stack([np.full((2, 2), 20 * i, np.uint8) for i in range(1, 9)])
    file = saved(tmp_path, (2, 2), 8, x_train=grey)
    game = own_game(file, (1, 2, 2))(functools.partial(Flat, grey=0.0, slope=0.25), Flat, latent=3, batch=6, l1=2.0)
    codes = codes_of(8, 3, torch.device("cpu"))
    seen = set()
    for seed in range(9):
        drawn, (image, code) = game.sample(Rng().seed_both(seed, 1))
        index = ((image[:, 0, 0, 0] + 1) * 127.5 / 20).round().long() - 1
        seen |= set(index.tolist())
        assert torch.equal(code, codes[index])
        game.supervised = False
        alone = game.losses(drawn, 1.0, ("generator",))["generator"]
        game.supervised = True
        expected = alone + 2 * (codes[index, 0] / 4 - (20 * (index + 1) / 127.5 - 1)).abs().mean()
        torch.testing.assert_close(game.losses((drawn, (image, code)), 1.0, ("generator",))["generator"], expected)
    assert len(seen) == 8


def test_without_weight_nothing_else_is_drawn() -> None:
    plain, supervised = Digits(), Digits(l1=0.1)
    drawn, first = plain.sample(Rng().seed_both(0, 1)), supervised.sample(Rng().seed_both(0, 1))[0]
    assert len(drawn) == 2 and all(torch.equal(a, b) for a, b in zip(drawn, first, strict=True))


def test_members_may_have_weights_of_their_own() -> None:
    small = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 8, "dtype": "float64", "turns": 6}
    configs = [configure("digits", {**small, "l1": weight, "seed": seed}) for seed, weight in enumerate((0.1, 3.0))]
    together = Population(configs)
    together.reset()
    alone = [config.build() for config in configs]
    for _ in range(6):
        together.play_scheduled_turn()
        for arena in alone:
            arena.play_scheduled_turn()
    for name, stacked in together.game.named_parameters():
        for member, arena in enumerate(alone):
            torch.testing.assert_close(stacked[member], dict(arena.game.named_parameters())[name], rtol=1e-10, atol=1e-10)


def test_supervision_teaches_the_generator_its_images(tmp_path: Path) -> None:
    """At λ = 0 only the pairs are left; four images are learned by heart."""
    file = saved(tmp_path, (4, 4), 4)
    settings = {"l1": 1.0, "coupling": 0.0, "latent": 16, "batch": 4, "generator.hidden": (32,), "turns": 300, "generator.lr": 1e-2}
    arena = configure(own_game(file, (1, 4, 4)), settings).build()
    data = images.load(file, torch.device("cpu"))["x_train"].unsqueeze(1) / 127.5 - 1

    def distance() -> float:
        with torch.no_grad():
            return float((arena.game.players["generator"](codes_of(4, 16, torch.device("cpu"))) - data).abs().mean())

    before = distance()
    for _ in range(300):
        arena.play_scheduled_turn()
    assert before > 0.4 and distance() < 0.15


# What does not fit --------------------------------------------------------------------------------------------------------------


def test_images_of_another_size_than_the_players(tmp_path: Path) -> None:
    file = saved(tmp_path, (32, 32, 3))
    game = own_game(file, (1, 28, 28))
    with pytest.raises(SlotMismatch) as error:
        configure(game, {"batch": 4}).build()
    assert str(error.value) == (
        f"Own's players are for images of 1×28×28 (channels, height, width), but those of {file} are 3×32×32; "
        "set the game's shape to theirs"
    )


@pytest.mark.parametrize(
    ("pixels", "final", "message"),
    [
        (
            "signed",
            "sigmoid",
            "the generator gives pixels in [0, 1], but the images' are in [-1, 1]; let it end in tanh, or play with --pixels unit",
        ),
        (
            "unit",
            "tanh",
            "the generator gives pixels in [-1, 1], but the images' are in [0, 1]; let it end in sigmoid, or play with --pixels signed",
        ),
    ],
)
def test_pixels_of_another_range_than_the_images(pixels: str, final: str, message: str) -> None:
    for player in (MLP, ConvGenerator):
        with pytest.raises(SlotMismatch) as error:
            Digits(functools.partial(player, final=final), pixels=pixels)  # type: ignore[arg-type]
        assert str(error.value) == message
        for end in ({"signed": "tanh", "unit": "sigmoid"}[pixels], "none"):
            Digits(functools.partial(player, final=end), pixels=pixels)  # type: ignore[arg-type]


def test_a_range_is_found_without_footprints() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Sigmoid())
    before, stream = {n: t.clone() for n, t in net.state_dict().items()}, torch.get_rng_state()
    assert range_of(net, 3) == (0, 1)
    assert net.training and torch.equal(stream, torch.get_rng_state())
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    assert range_of(nn.Linear(3, 4), 3) is None
    assert range_of(functools.partial(MLP, final="tanh")((3,), (4,)), 3) == (-1, 1)


def test_a_batch_larger_than_the_data(tmp_path: Path) -> None:
    file = saved(tmp_path, (8, 8), 12)
    with pytest.raises(BadSetting, match=f"batch is 13, but must be at most 12, the images that {file} has to train on"):
        configure(own_game(file, (1, 8, 8)), {"batch": 13}).build()
    configure(own_game(file, (1, 8, 8)), {"batch": 12}).build()


# Pictures -----------------------------------------------------------------------------------------------------------------------


def test_ways_between_noise_vectors() -> None:
    a, b = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ways = between(a, b, 9)
    assert ways.shape == (5, 9, 7)
    torch.testing.assert_close(ways[:, 0], a)
    torch.testing.assert_close(ways[:, -1], b)
    x, y = torch.eye(2, 7, dtype=torch.float64)[:, None]
    torch.testing.assert_close(between(x, 2 * y, 3)[0, 1], (x + 2 * y)[0] / math.sqrt(2))  # sin 45° = √½ of each
    unit = torch.nn.functional.normalize
    on_sphere = between(unit(a), unit(b), 9)
    torch.testing.assert_close(on_sphere.norm(dim=-1), torch.ones(5, 9, dtype=torch.float64))
    assert float(torch.lerp(unit(a), unit(b), 0.5).norm(dim=-1).max()) < 0.95  # the straight way is shorter than any noise
    for end in (x, -x, 3 * x):  # along a line there is no circle: straight, and finite
        torch.testing.assert_close(between(x, end, 5)[0], x + torch.linspace(0, 1, 5, dtype=torch.float64)[:, None] * (end - x))


def test_the_picture_shows_the_same_noise_each_time() -> None:
    arena = configure("digits").build()
    first, again = (game_figure(arena) for _ in range(2))
    assert [axis.get_title() for axis in first.axes] == [
        "fixed noise",
        "from one noise vector to another",
        "real images",
        "more real images",
    ]
    shown, twice = ([axis.images[0].get_array() for axis in made.axes] for made in (first, again))
    assert all(np.array_equal(a, b) for a, b in zip(shown, twice, strict=True))
    assert shown[0].shape == shown[1].shape == (8 * 9 + 1, 8 * 9 + 1, 3)
    with torch.no_grad():
        expected = arena.game.generate(64)[9, 0] / 2 + 0.5  # second row, second column
    np.testing.assert_allclose(shown[0][10:18, 10:18, 0], expected, atol=1e-6)
    for _ in range(4):
        arena.play_scheduled_turn()
    assert not np.array_equal(game_figure(arena).axes[0].images[0].get_array(), shown[0])


def test_grids_need_no_title() -> None:
    made = image_grids({"": torch.rand(6, 3, 4, 4)}, columns=3)
    assert made.axes[0].images[0].get_array().shape == (2 * 5 + 1, 3 * 5 + 1, 3)
