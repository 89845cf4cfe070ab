"""The fully connected GAN on MNIST for 20 epochs with β1 = 0.5 and with β1 = 0.9, over several seeds.

    python -m benchmarks.published.mnist_gan                          # 6 runs of 12,000 rounds, about 20 minutes on one core
    python -m benchmarks.published.mnist_gan --pixels signed          # pixels in [−1, 1] with tanh, the game's default
    python -m benchmarks.published.mnist_gan --out FOLDER             # keep the runs; an interrupted command continues
    python -m benchmarks.published.mnist_gan --quick                  # a few rounds on 8×8 digits, as a smoke test

The set-up is that of a deep-learning practical: generator 100-300-784 with a sigmoid, discriminator 784-300-100-1, leaky ReLU of slope
0.2, binary cross-entropy on logits with the label 1 for real images, Adam at a constant 2e-4, batch 100. There are no published numbers.
Expected from theory and experience: D = ½ everywhere at the optimum; D(x) and D(G(z)) drift towards it with β1 = 0.5, not with 0.9.

D(x) and D(G(z)) of an epoch are means over its rows of the trace. A judge (`games/data/judge.py`) classifies 10,000 generated images. A
digit is covered if it has at least 1 % of them; the total variation is between the histograms of digits and of the training labels.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import arena
from arena.config import configure
from arena.config.files import load_file
from arena.games.data.judge import judge
from arena.games.gan.images import RANGES, ImageGAN
from arena.plots import DATA, FIRST, SECOND, figure, save, tiled
from arena.trace import read_trace
from arena.trace.checkpoint import Checkpoints
from benchmarks import processor

FINALS = {"unit": "sigmoid", "signed": "tanh"}
EXPECTED = {0.5: ("→ ½", "→ ½"), 0.9: ("stays away", "stays away")}
GENERATED = 10_000


@dataclass(frozen=True)
class Plan:
    """The game, epochs, rounds per epoch, and rounds between rows of the trace."""

    game: str = "mnist"
    epochs: int = 20
    rounds: int = 600
    trace: int = 50
    hidden: tuple[int, ...] = (300,)

    def settings(self, pixels: str, beta: float, seed: int) -> dict[str, Any]:
        turns = 2 * self.rounds
        return {
            "seed": seed,
            "turns": self.epochs * turns,
            "pixels": pixels,
            "generator": {"hidden": self.hidden, "final": FINALS[pixels], "lr": 2e-4, "betas": (beta, 0.999), "schedule": "constant"},
            "discriminator": {"hidden": (300, 100), "lr": 2e-4, "betas": (beta, 0.999), "schedule": "constant"},
            "trace": {"every": 2 * self.trace, "tensorboard": False},
            "score": {"every": 0},
            "picture": {"every": 0},
            "checkpoint": {"every": 5 * turns, "keep": 1, "best": False},
        }


@dataclass(frozen=True)
class Outcome:
    """Results of one run: D(x), D(G(z)) and spread by epoch, digits of the generated images, and 64 images in [0, 1]."""

    beta: float
    seed: int
    status: str
    by_epoch: Mapping[str, Sequence[float]]
    covered: int
    variation: float
    images: Tensor


def play(plan: Plan, pixels: str, beta: float, seed: int, out: Path) -> Outcome:
    """Play or resume one run, and return its results."""
    folder = out / f"{plan.game}-{pixels}-beta-{beta:g}-seed-{seed}"
    begun = (folder / "config.yaml").is_file()
    settings = plan.settings(pixels, beta, seed)
    result = arena.resume(folder, display=False) if begun else arena.play(plan.game, out=folder, display=False, **settings)
    playing = configure(plan.game, {k: v for k, v in load_file(folder / "config.yaml").items() if k != "game"}).build()
    checkpoints = Checkpoints(folder / "checkpoints", 1)
    playing.reset(seed=seed)
    playing.load_state_dict(checkpoints.load(checkpoints.paths()[-1])["arena"])
    game = playing.game
    assert isinstance(game, ImageGAN)
    with torch.no_grad():
        generated = game.generate(GENERATED)
    low, high = RANGES[pixels]
    unit = (generated - low) / (high - low)
    shares = digits(plan.game, unit)
    truth = judge(plan.game, torch.device("cpu")).shares
    rows = [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn" and row["turn"]]
    names = ("D(x)", "D(G(z))", "spread")
    epochs = [[row for row in rows if (row["turn"] - 1) // (2 * plan.rounds) == epoch] for epoch in range(plan.epochs)]
    by_epoch = {name: [statistics.mean(row[f"game.{name}"] for row in epoch) for epoch in epochs if epoch] for name in names}
    covered, variation = int((shares >= 0.01).sum()), float((shares - truth).abs().sum() / 2)
    return Outcome(beta, seed, result.status, by_epoch, covered, variation, unit[:64])


@torch.no_grad()
def digits(game: str, unit: Tensor) -> Tensor:
    """Return the share of each digit, by the judge, in images with pixels in [0, 1]."""
    judging = judge(game, torch.device("cpu"))
    labels = torch.cat([judging.outputs(2 * part - 1)[1].argmax(1) for part in unit.split(1000)])
    return torch.bincount(labels, minlength=10).float() / len(labels)


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Format mean ± SD (lowest – highest)."""
    low, high = (form.format(end) for end in (min(values), max(values)))
    deviation = f" ± {form.format(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{form.format(statistics.mean(values))}{deviation} ({low} – {high})"


def table(outcomes: Sequence[Outcome], plan: Plan) -> str:
    """Return both tables as Markdown: the last epoch, and the epochs."""
    lines = ["| β1 | D(x), last epoch | expected | D(G(z)), last epoch | expected | digits covered | total variation of digits | spread |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    betas = sorted({o.beta for o in outcomes})
    for beta in betas:
        of_beta = [o for o in outcomes if o.beta == beta]
        real, fake, diversity = (spread([o.by_epoch[name][-1] for o in of_beta]) for name in ("D(x)", "D(G(z))", "spread"))
        expected = EXPECTED.get(beta, ("–", "–"))
        covered = spread([o.covered for o in of_beta], "{:.1f}").replace(".0", "")
        cells = [f"{beta:g}", real, expected[0], fake, expected[1], covered, spread([o.variation for o in of_beta]), diversity]
        lines.append(f"| {' | '.join(cells)} |")
    shown = sorted({0, 1, plan.epochs // 4 - 1, plan.epochs // 2 - 1, plan.epochs - 1} & set(range(plan.epochs)))
    lines += ["", f"| β1 | mean over seeds | {' | '.join(f'epoch {epoch + 1}' for epoch in shown)} |", f"|---|---|{'---|' * len(shown)}"]
    for beta in betas:
        of_beta = [o for o in outcomes if o.beta == beta]
        for name in ("D(x)", "D(G(z))"):
            means = [f"{statistics.mean(o.by_epoch[name][epoch] for o in of_beta):.2f}" for epoch in shown]
            lines.append(f"| {beta:g} | {name} | {' | '.join(means)} |")
    return "\n".join(lines)


def picture(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw samples of the first seed, and D(x) and D(G(z)) of all seeds by epoch, one row per β1."""
    betas = sorted({o.beta for o in outcomes})
    sheet, axes = figure(9.4, 4.5 * len(betas), len(betas), 2)
    for beta, (left, right) in zip(betas, axes, strict=True):
        of_beta = [o for o in outcomes if o.beta == beta]
        left.imshow(tiled(of_beta[0].images), interpolation="nearest")
        left.set_axis_off()
        left.set_title(f"β1 = {beta:g}, seed {of_beta[0].seed}: fixed noise after the last epoch")
        for name, colour in (("D(x)", SECOND), ("D(G(z))", FIRST)):
            for outcome in of_beta:
                values = outcome.by_epoch[name]
                label = name if outcome is of_beta[0] else None
                right.plot(range(1, len(values) + 1), values, color=colour, label=label, linewidth=1.2, alpha=0.8)
        right.axhline(0.5, color=DATA, linestyle="--", label="½: the optimum")
        seeds = f"{len(of_beta)} seeds" if len(of_beta) > 1 else "one seed"
        right.set(ylim=(-0.02, 1.02), xlabel="epoch", title=f"β1 = {beta:g}: output of the discriminator, {seeds}")
        right.xaxis.get_major_locator().set_params(integer=True)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    save(sheet, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the missing runs, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.mnist_gan", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pixels", choices=FINALS, default="unit", help="unit: [0, 1] and a sigmoid; signed: [−1, 1] and tanh")
    parser.add_argument("--betas", type=float, nargs="+", default=[0.5, 0.9], help="Adam's β1 of both players")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="folder of the runs; existing runs are resumed")
    parser.add_argument("--picture", type=Path, help="PNG file for samples and curves")
    parser.add_argument("--quick", action="store_true", help="a few rounds on 8×8 digits")
    chosen = parser.parse_args(arguments)
    plan = Plan("digits", epochs=4, rounds=10, trace=5) if chosen.quick else Plan()
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary:
        out = chosen.out or Path(temporary)
        for seed in chosen.seeds:
            for beta in chosen.betas:
                outcomes.append(play(plan, chosen.pixels, beta, seed, out))
                print(f"β1 {beta:g}, seed {seed}: {outcomes[-1].status}", flush=True)
                if outcomes[-1].status == "interrupted":
                    sys.exit("interrupted. Fix: repeat the command; with --out FOLDER it continues its runs")
    judging = judge(plan.game, torch.device("cpu"))
    low, high = RANGES[chosen.pixels]
    rounds = f"{plan.epochs} epochs of {plan.rounds} rounds of batch 100"
    ends = f"{FINALS[chosen.pixels]}, pixels in [{low}, {high}]"
    print(
        f"\n{plan.game}, {rounds}, one move of each player per round; generator 100-300-pixels ({ends}), "
        "discriminator pixels-300-100-1, leaky ReLU 0.2; non-saturating logistic loss; Adam 2e-4 (β1, 0.999), constant; the weights of the "
        f"last step. Seeds {', '.join(map(str, chosen.seeds))}: mean ± SD (lowest – highest).\n"
    )
    print(table(outcomes, plan))
    real = real_digits(plan.game)
    print(
        f"\nReal test images, by the same judge of accuracy {judging.accuracy:.2%}: {int((real >= 0.01).sum())} digits, "
        f"total variation {float((real - judging.shares).abs().sum() / 2):.3f}. "
        f"{processor()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, torch {torch.__version__}."
    )
    if chosen.picture:
        picture(outcomes, chosen.picture)


def real_digits(game: str) -> Tensor:
    """Return the shares of digits, by the judge, in the real test images."""
    from arena.games.data import images

    return digits(game, images.load(game, torch.device("cpu"))["x_test"].unsqueeze(1).float() / 255)


if __name__ == "__main__":
    main()
