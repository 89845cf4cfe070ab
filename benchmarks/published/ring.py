"""The ring of eight Gaussians, published as a mean over five seeds, over many seeds: the distribution, and the published means within it.

Means of five hide that the total variation is bimodal. Each variant is one population whose members differ in their seed alone;
values are those of the last turn and the live weights. `ring.json` keeps the values of every seed, from which the report is made.

    python -m benchmarks.published.ring                        # both variants, 32 seeds: 20 minutes or more on one core
    python -m benchmarks.published.ring --variants vanilla     # one variant; the values of the other are kept
    python -m benchmarks.published.ring --report               # print and draw the stored values
    python -m benchmarks.published.ring --quick --out FOLDER   # four seeds, a few turns, as a smoke test
"""

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import arena.games  # noqa: F401 (registers the games)
from arena import plots
from arena.config import configure
from arena.core.game import for_roles
from arena.core.torch_settings import using_threads
from arena.engine.vector_env import Population
from benchmarks import processor

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {
    "rule": "simultaneous",
    "scheduler": "alternating",  # one player per turn on a fresh batch, the discriminator first: two turns are a round
    "latent": 16,
    "noise": 0.1,
    "batch": 256,
    "generator": "mlp",
    "discriminator": "mlp",
    **for_roles("generator", "discriminator", hidden=(128, 128), activation="leaky-relu", lr=2e-4, betas=(0.5, 0.999), schedule="constant"),
    "metrics.radius": 3.0,
    "metrics.region": "ball",
    "metrics.covered": 0.01,
    "until_solved": False,
    "device": "cpu",
}
LOSSES = {"vanilla": "non-saturating", "relativistic": "relativistic"}
ROUNDS, LATENTS = 10_000, 10_000
NUMBERS = {"modes-covered": "modes covered, of 8", "high-quality": "valid", "mode-variation": "mode total variation"}
PUBLISHED = {  # mean and standard deviation over five seeds
    "vanilla": {"modes-covered": (7.60, 0.89), "high-quality": (0.849, 0.012), "mode-variation": (0.226, 0.072)},
    "relativistic": {"modes-covered": (7.40, 1.34), "high-quality": (0.836, 0.015), "mode-variation": (0.281, None)},
}
FIVE, RESAMPLES = 5, 100_000
HUMP = 0.45
"""Total variation between the two humps."""


def play(variant: str, seeds: int, rounds: int, compile: bool = True) -> dict[str, Any]:
    """Play one variant over the seeds 0, 1, …; return the final values of each seed and the set-up."""
    base = configure("ring", {**SETTINGS, "loss": LOSSES[variant], "turns": 2 * rounds, "compile": compile})
    began = time.time()
    with using_threads(1):
        population = Population([base.vary({"seed": seed}) for seed in range(seeds)])
        population.reset()
        for turn in range(1, 2 * rounds + 1):
            population.play_scheduled_turn()
            if turn % 1000 == 0 or turn == 2 * rounds:
                population.read_signals()
                rate = seeds * turn / 2 / (time.time() - began)
                print(f"{variant}: round {turn // 2:,} of {rounds:,}, {rate:,.0f} member-rounds/s", file=sys.stderr, flush=True)
        population.game.scored = LATENTS  # type: ignore[assignment]
        measured = population.measure_metrics()
        ceilings = population.metric_ceilings()[0]
    diverged = {str(member): str(why) for member, why in population.signals.divergence.items()}
    return {
        "numbers": {name: measured[name].tolist() for name in measured},
        "ceilings": ceilings,
        "diverged": diverged,
        "seeds": seeds,
        "rounds": rounds,
        "minutes": (time.time() - began) / 60,
        "parameters": {role: sum(p[0].numel() for p in population.game.players[role].parameters()) for role in population.game.roles},
        "machine": f"{processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}",
    }


def five_seed_means(values: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Return means of five seeds, drawn without replacement, many times.

    Example:
        >>> bool((five_seed_means([1.0] * 8, np.random.default_rng(0)) == 1).all())
        True
    """
    order = rng.random((RESAMPLES, len(values))).argpartition(min(FIVE, len(values)) - 1, axis=1)[:, :FIVE]
    return np.asarray(values)[order].mean(axis=1)


def report(results: dict[str, Any]) -> str:
    """Return the section of RESULTS.md."""
    some = next(iter(results.values()))
    generator, discriminator = (f"{some['parameters'][role]:,}" for role in ("generator", "discriminator"))
    lines = [
        "## Ring of 8",
        "",
        "`python -m benchmarks.published.ring`",
        "",
        "Eight Gaussians of σ .1 at equal angles on a circle of radius 2. Generator 16→128→128→2 "
        f"({generator} parameters), discriminator 2→128→128→1 ({discriminator}), LeakyReLU .2, "
        "torch's default initialisation; Adam 2e-4 (.5, .999), batch 256, one discriminator step to one generator step, each on a fresh "
        f"batch, {some['rounds']:,} rounds, constant learning rate. Vanilla: non-saturating binary cross-entropy; relativistic: the "
        f"relativistic pair. Measured at the last step on the live weights, from {LATENTS:,} fixed latents: a sample is valid within 3σ "
        "(Euclidean) of a mode, a mode is covered with at least 1 % of the samples, and the total variation has a bucket for samples "
        "in no mode.",
        "",
        "Published: mean ± SD over five seeds. Ours: over all seeds. The means of five of our seeds "
        f"({RESAMPLES:,} draws without replacement) give the interval of 95 %, and the share below the published mean.",
        "",
        "| variant | number | published | ours, mean ± SD | quantiles 0, 25, 50, 75, 100 % | five-seed means, 95 % "
        "| below the published mean | real data |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(variant, name, one) for variant, one in results.items() for name in NUMBERS]
    for variant, one in results.items():
        values = np.array(one["numbers"]["mode-variation"])
        upper = values >= HUMP
        lines += ["", f"Mode total variation, {variant}, {len(values)} seeds (one # is a seed):", "", "```"]
        lines += histogram(values)
        lines += ["```", ""]
        parts = [
            f"{int(there.sum())} seeds {words} {HUMP}" + (f" (mean {values[there].mean():.3f})" if there.any() else "")
            for there, words in ((~upper, "below"), (upper, "at or above"))
        ]
        modes = np.bincount(np.round(one["numbers"]["modes-covered"]).astype(int), minlength=9)
        lines.append(f"{' and '.join(parts)}. Seeds by modes covered: " + ", ".join(f"{m}: {n}" for m, n in enumerate(modes) if n) + ".")
        if one["diverged"]:
            lines.append(f"Not finite: seeds {', '.join(one['diverged'])}.")
    lines += ["", "![total variation over the seeds](../../docs/published-ring.png)", ""]
    for variant, one in results.items():
        clock = f"{one['minutes']:.0f} minutes of wall-clock time under unknown load"
        lines.append(f"{variant.capitalize()}: {one['seeds']} seeds, {clock}, on {one['machine']}.")
    return "\n".join(lines) + "\n"


def _row(variant: str, name: str, one: dict[str, Any]) -> str:
    values = np.array(one["numbers"][name])
    means = five_seed_means(values, np.random.default_rng(0))
    mean, deviation = PUBLISHED[variant][name]

    def show(number: float) -> str:
        return f"{100 * number:.1f} %" if name == "high-quality" else f"{number:.{3 if name == 'mode-variation' else 2}f}"

    low, high = np.quantile(means, [0.025, 0.975])
    below = (means < mean - 1e-9).mean() + 0.5 * (abs(means - mean) <= 1e-9).mean()  # a tie counts as half
    cells = [
        variant,
        NUMBERS[name],
        show(mean) + (f" ± {show(deviation)}" if deviation is not None else ""),
        f"{show(values.mean())} ± {show(values.std(ddof=1))}",
        ", ".join(show(quantile) for quantile in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])),
        f"{show(low)} to {show(high)}",
        f"{100 * below:.0f} %, {'inside' if low - 1e-9 <= mean <= high + 1e-9 else '**outside**'}",
        show(one["ceilings"][name]),
    ]
    return f"| {' | '.join(cells)} |"


def histogram(values: np.ndarray, width: float = 0.05) -> list[str]:
    """Return the rows of a histogram in text.

    Example:
        >>> print("\\n".join(histogram(np.array([0.01, 0.02, 0.11]))))
        0.00–0.05 ##
        0.05–0.10
        0.10–0.15 #
    """
    first, last = math.floor(values.min() / width), math.floor(values.max() / width)
    counts = np.bincount(np.floor(values / width).astype(int) - first, minlength=last - first + 1)
    return [f"{(first + i) * width:.2f}–{(first + i + 1) * width:.2f} {'#' * n}".rstrip() for i, n in enumerate(counts)]


@plots.styled
def draw(results: dict[str, Any], file: Path) -> None:
    """Draw the total variation of the seeds above the means of five seeds, each with the published mean."""
    sheet, axes = plots.figure(4.8 * len(results), 4.6, 2, len(results), sharex=True)
    bins = np.arange(0, 1.0001, 0.04)
    top = max(max(np.histogram(one["numbers"]["mode-variation"], bins)[0]) for one in results.values())
    for column, (variant, one) in enumerate(results.items()):
        values = np.array(one["numbers"]["mode-variation"])
        published = PUBLISHED[variant]["mode-variation"][0]
        above, below = axes[0, column], axes[1, column]
        above.hist(values, bins, color=plots.FIRST, alpha=0.75, rwidth=0.9)
        above.set(title=f"{variant}: {len(values)} seeds", ylabel="seeds" if column == 0 else "", ylim=(0, 1.35 * top))
        means = five_seed_means(values, np.random.default_rng(0))
        below.hist(means, np.arange(0, 1.0001, 0.02), color=plots.SECOND, alpha=0.6, weights=np.full(len(means), 1 / len(means)))
        below.set(
            xlabel="mode total variation", ylabel="share of five-seed means" if column == 0 else "", xlim=(0, min(1, values.max() + 0.1))
        )
        for axis in (above, below):
            axis.set_axisbelow(True)
            axis.axvline(published, color=plots.INK, linestyle="--", linewidth=1.2, label=f"published mean of five, {published:.3f}")
        above.legend(loc="upper right", frameon=False)
    plots.save(sheet, file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the requested variants, store their values, print the report and draw it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.ring", description=__doc__.splitlines()[0])
    parser.add_argument("--variants", default=",".join(LOSSES), help="variants, separated by commas")
    parser.add_argument("--seeds", type=int, default=32, help="members of each population")
    parser.add_argument("--quick", action="store_true", help="four seeds, twenty rounds, nothing compiled")
    parser.add_argument("--report", action="store_true", help="print and draw the stored values only")
    parser.add_argument("--out", type=Path, default=None, help="folder of ring.json and the picture; by default that of the project")
    options = parser.parse_args(arguments)
    if options.quick and options.out is None:
        parser.error("--quick needs --out FOLDER, so that its values do not replace real ones")
    kept, picture = HERE / "ring.json", HERE.parent.parent / "docs" / "published-ring.png"
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        kept, picture = options.out / "ring.json", options.out / "published-ring.png"
    results = json.loads(kept.read_text()) if kept.is_file() else {}
    for variant in [] if options.report else options.variants.split(","):
        results[variant] = play(variant, 4, 20, compile=False) if options.quick else play(variant, options.seeds, ROUNDS)
        kept.write_text(json.dumps({name: results[name] for name in LOSSES if name in results}, indent=1) + "\n")
    results = {name: results[name] for name in LOSSES if name in results}
    if not results:
        parser.error(f"{kept} does not exist. Fix: run without --report")
    print(report(results))
    draw(results, picture)


if __name__ == "__main__":
    main()
