"""The fully connected GAN on MNIST for 20 epochs with β1 = 0.5 and with β1 = 0.9, over several seeds.

    python -m benchmarks.published.mnist_gan                          # 6 runs of 12,000 rounds, about 20 minutes on one core
    python -m benchmarks.published.mnist_gan --pixels signed          # the same on pixels in [−1, 1] with tanh, as the game has it
    python -m benchmarks.published.mnist_gan --out FOLDER             # keeps the runs; a command that was stopped goes on
    python -m benchmarks.published.mnist_gan --quick                  # a few rounds on 8×8 digits, to see that it works

The set-up is a deep-learning practical's: generator 100-300-784 with a sigmoid, discriminator 784-300-100-1, leaky ReLU of slope 0.2,
binary cross-entropy on logits with the label 1 for real images, Adam at a constant 2e-4, batch 100. It has no published numbers but what
theory and experience say: at the optimum D = ½ everywhere, with β1 = 0.5 D(x) and D(G(z)) drift towards it, with 0.9 they do not.

D(x) and D(G(z)) of an epoch are means over the batches that the trace recorded in it. Digits are what a judge (`games/data/judge.py`)
takes 10,000 generated images for; a digit is covered if it takes at least 1 % of them for it, and the total variation is that of the
histogram of digits from that of the training set.
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
from arena.config.settings import load_file
from arena.games.data.judge import judge
from arena.games.gan.images import RANGES, ImageGAN
from arena.plots import DATA, FIRST, SECOND, figure, save, tiled
from arena.trace import read_trace
from arena.trace.checkpoint import Checkpoints

FINALS = {"unit": "sigmoid", "signed": "tanh"}
EXPECTED = {0.5: ("→ ½", "→ ½"), 0.9: ("stays away", "stays away")}
GENERATED = 10_000


@dataclass(frozen=True)
class Plan:
    """What is played: the game, epochs, rounds of an epoch, and the rounds between rows of the trace."""

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
    """What came of one run: D(x), D(G(z)) and spread by epoch, the digits that it draws, and 64 of its images in [0, 1]."""

    beta: float
    seed: int
    status: str
    by_epoch: Mapping[str, Sequence[float]]
    covered: int
    variation: float
    images: Tensor


def play(plan: Plan, pixels: str, beta: float, seed: int, out: Path) -> Outcome:
    """One run, gone on with where it was begun before, and what came of it."""
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
        made = game.generate(GENERATED)
    low, high = RANGES[pixels]
    unit = (made - low) / (high - low)
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
    """The share of images, with pixels in [0, 1], that the judge takes for each digit."""
    judging = judge(game, torch.device("cpu"))
    seen = torch.cat([judging.look(2 * part - 1)[1].argmax(1) for part in unit.split(1000)])
    return torch.bincount(seen, minlength=10).float() / len(seen)


def told(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Mean ± SD (lowest – highest)."""
    low, high = (form.format(end) for end in (min(values), max(values)))
    spread = f" ± {form.format(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{form.format(statistics.mean(values))}{spread} ({low} – {high})"


def table(outcomes: Sequence[Outcome], plan: Plan) -> str:
    """Both tables as Markdown: where the runs ended, and how they got there."""
    lines = ["| β1 | D(x), last epoch | expected | D(G(z)), last epoch | expected | digits covered | total variation of digits | spread |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    betas = sorted({o.beta for o in outcomes})
    for beta in betas:
        own = [o for o in outcomes if o.beta == beta]
        real, fake, spread = (told([o.by_epoch[name][-1] for o in own]) for name in ("D(x)", "D(G(z))", "spread"))
        expected = EXPECTED.get(beta, ("–", "–"))
        covered = told([o.covered for o in own], "{:.1f}").replace(".0", "")
        cells = [f"{beta:g}", real, expected[0], fake, expected[1], covered, told([o.variation for o in own]), spread]
        lines.append(f"| {' | '.join(cells)} |")
    shown = sorted({0, 1, plan.epochs // 4 - 1, plan.epochs // 2 - 1, plan.epochs - 1} & set(range(plan.epochs)))
    lines += ["", f"| β1 | mean over seeds | {' | '.join(f'epoch {epoch + 1}' for epoch in shown)} |", f"|---|---|{'---|' * len(shown)}"]
    for beta in betas:
        own = [o for o in outcomes if o.beta == beta]
        for name in ("D(x)", "D(G(z))"):
            means = [f"{statistics.mean(o.by_epoch[name][epoch] for o in own):.2f}" for epoch in shown]
            lines.append(f"| {beta:g} | {name} | {' | '.join(means)} |")
    return "\n".join(lines)


def picture(outcomes: Sequence[Outcome], path: Path) -> None:
    """Samples of the first seed and D(x), D(G(z)) of all seeds by epoch, one row for each β1."""
    betas = sorted({o.beta for o in outcomes})
    made, axes = figure(9.4, 4.5 * len(betas), len(betas), 2)
    for beta, (left, right) in zip(betas, axes, strict=True):
        own = [o for o in outcomes if o.beta == beta]
        left.imshow(tiled(own[0].images), interpolation="nearest")
        left.set_axis_off()
        left.set_title(f"β1 = {beta:g}, seed {own[0].seed}: fixed noise after the last epoch")
        for name, colour in (("D(x)", SECOND), ("D(G(z))", FIRST)):
            for outcome in own:
                values = outcome.by_epoch[name]
                label = name if outcome is own[0] else None
                right.plot(range(1, len(values) + 1), values, color=colour, label=label, linewidth=1.2, alpha=0.8)
        right.axhline(0.5, color=DATA, linestyle="--", label="½: the optimum")
        seeds = f"{len(own)} seeds" if len(own) > 1 else "one seed"
        right.set(ylim=(-0.02, 1.02), xlabel="epoch", title=f"β1 = {beta:g}: what the discriminator says, {seeds}")
        right.xaxis.get_major_locator().set_params(integer=True)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    save(made, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Play what is not played yet, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.mnist_gan", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pixels", choices=FINALS, default="unit", help="unit: [0, 1] and a sigmoid; signed: [−1, 1] and tanh")
    parser.add_argument("--betas", type=float, nargs="+", default=[0.5, 0.9], help="Adam's β1 of both players")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="folder that keeps the runs; one that holds some already goes on with them")
    parser.add_argument("--picture", type=Path, help="where to draw samples and curves, as PNG")
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
                    sys.exit(f"stopped; the same command goes on where --out names the folder of its runs (now {out})")
    judging = judge(plan.game, torch.device("cpu"))
    low, high = RANGES[chosen.pixels]
    rounds = f"{plan.epochs} epochs of {plan.rounds} rounds of batch 100"
    ends = f"{FINALS[chosen.pixels]}, pixels in [{low}, {high}]"
    print(
        f"\n{plan.game}, {rounds}, one move of the discriminator and one of the generator in each; generator 100-300-pixels ({ends}), "
        "discriminator pixels-300-100-1, leaky ReLU 0.2; non-saturating logistic loss; Adam 2e-4 (β1, 0.999), constant; the weights of the "
        f"last step. Seeds {', '.join(map(str, chosen.seeds))}: mean ± SD (lowest – highest).\n"
    )
    print(table(outcomes, plan))
    real = real_digits(plan.game)
    print(
        f"\nReal test images by the same judge, which is right on {judging.accuracy:.2%} of them: {int((real >= 0.01).sum())} digits, "
        f"total variation {float((real - judging.shares).abs().sum() / 2):.3f}. "
        f"{processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}."
    )
    if chosen.picture:
        picture(outcomes, chosen.picture)


def real_digits(game: str) -> Tensor:
    """The histogram of digits of the real test images, as the judge sees them."""
    from arena.games.data import images

    return digits(game, images.load(game, torch.device("cpu"))["x_test"].unsqueeze(1).float() / 255)


def processor() -> str:
    """The name of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
