"""Regression against a critic: the share of predictions in the empty region for several λ, each over several seeds.

All couplings and seeds of a game are one population. A prediction (x, f(x)) is in the empty region if it is farther than 3σ from every
branch of the data at its x (`games/regression/game.py`). Shares are over the same 16,384 held-out x.

    python -m benchmarks.published.regression                              # the three games, eight seeds: about ten minutes
    python -m benchmarks.published.regression --picture docs/regression.png
    python -m benchmarks.published.regression regression --quick           # few turns and seeds, as a smoke test
"""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from arena import plots
from arena.config import Config, configure
from arena.engine.vector_env import Population
from arena.games.regression.game import CriticRegression, squared_error
from arena.games.regression.pictures import draw
from benchmarks import show_help

GAMES = ("regression", "regression-gap", "regression-2d")
LAMBDAS: tuple[Any, ...] = (0.0, 0.05, 0.1, 0.2, 0.3, 1.0, "linear(start=0,end=0.3)")
SHOWN = (0.0, 0.05, 0.2, 1.0)
"""Couplings in the picture."""
HELD_OUT = 16_384
FIRST = 200
"""First seed of the tables; the recipes were chosen on smaller seeds."""


@dataclass(frozen=True)
class Errors:
    """Errors of a regressor on held-out data.

    Args:
        empty: Share of its predictions in the empty region.
        error: Mean squared error.
        distance: Mean distance of its predictions to the nearest branch.
    """

    empty: float
    error: float
    distance: float


def measure(game: CriticRegression) -> Errors:
    """Evaluate a trained game on held-out data."""
    x_N1, y_ND, noise_NZ = game.held_out(HELD_OUT)
    with torch.no_grad():
        answer_ND = game.predict(x_N1, noise_NZ)
        distance = game.distance(x_N1, answer_ND).mean()
        return Errors(float(game.empty(x_N1, answer_ND)), float(squared_error(answer_ND, y_ND)), float(distance))


def real(game: CriticRegression) -> Errors:
    """Evaluate the held-out data themselves."""
    x_N1, y_ND, _ = game.held_out(HELD_OUT)
    return Errors(float(game.empty(x_N1, y_ND)), float("nan"), float(game.distance(x_N1, y_ND).mean()))


def couple(base: Config, coupling: Any, seed: int) -> Config:
    return base.vary({"coupling": coupling, "seed": seed})


def play(configs: Sequence[Config]) -> Population:
    """Play all configurations as one population."""
    population = Population(configs, check_equivalence=False)
    for _ in range(int(population.budgets.max())):
        population.play_scheduled_turn()
    return population


def table(name: str, seeds: int, settings: dict[str, Any]) -> str:
    """Play one game under all couplings; return a Markdown table."""
    base = configure(name, settings)
    population = play([couple(base, coupling, seed) for coupling in LAMBDAS for seed in range(FIRST, FIRST + seeds)])
    errors = []
    for member in range(population.num_envs):
        with population.members.alone(population.game, member):
            errors.append(measure(population.game))  # type: ignore[arg-type]
    with population.members.alone(population.game, 0):
        data = real(population.game)  # type: ignore[arg-type]
    lines = ["| λ | empty region, % | times less than λ = 0 | squared error | distance to the nearest branch |", "|---|---|---|---|---|"]
    base_share = statistics.mean(e.empty for e in errors[:seeds])
    for i, coupling in enumerate(LAMBDAS):
        of_coupling = errors[i * seeds : (i + 1) * seeds]
        share = statistics.mean(e.empty for e in of_coupling)
        label = f"**{coupling:g}**, the recipe's" if coupling == recipe(name) else _label(coupling)
        columns = [
            _spread([100 * e.empty for e in of_coupling], 1),
            f"{base_share / share:.1f}×" if share else "none is left",
            _spread([e.error for e in of_coupling], 3),
            _spread([e.distance for e in of_coupling], 3),
        ]
        lines.append(f"| {label} | {' | '.join(columns)} |")
    lines.append(f"| real data | {100 * data.empty:.2f} | | | {data.distance:.3f} |")
    return "\n".join(lines)


def recipe(name: str) -> Any:
    """Return the recipe's λ of a game."""
    from arena.registry import lookup

    return lookup("game", name).target.recipe["coupling"]  # type: ignore[attr-defined]


def picture(path: Path, settings: dict[str, Any]) -> None:
    """Draw one seed of `regression` under the couplings of `SHOWN`, side by side."""
    population = play([couple(configure("regression", settings), coupling, 0) for coupling in SHOWN])
    games, titles = [], []
    for member, coupling in enumerate(SHOWN):
        single = configure("regression", settings).build().game
        with population.members.alone(population.game, member):
            single.load_state_dict(population.game.state_dict())
        assert isinstance(single, CriticRegression)
        games.append(single)
        titles.append(f"λ = {coupling:g}: {100 * measure(single).empty:.1f} % in the empty region")
    plots.save(draw(games, titles), path)


def _label(coupling: Any) -> str:
    return coupling.replace("linear(start=0,end=", "from 0 to ").rstrip(")") if isinstance(coupling, str) else f"{coupling:g}"


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def main(words: Sequence[str]) -> None:
    """Print the tables, or draw the picture."""
    quick = "--quick" in words
    settings: dict[str, Any] = {"turns": 60, "batch": 32} if quick else {}
    torch.set_num_threads(1)
    if "--picture" in words:
        picture(Path(words[list(words).index("--picture") + 1]), settings)
        return
    seeds = 2 if quick else 8
    for name in [word for word in words if word in GAMES] or GAMES:
        flat = configure(name, settings).flat()
        print(
            f"`{name}`: {flat['turns']:,} turns of both players at once, batch {flat['batch']}, nets 64-64, Adam 1e-3 (.5, .9) falling "
            f"linearly to 0, σ = {flat['noise']:g}; seeds {FIRST} to {FIRST + seeds - 1}, mean ± SD; torch {torch.__version__}\n"
        )
        print(table(name, seeds, settings) + "\n", flush=True)


if __name__ == "__main__":
    show_help(__doc__)
    main(sys.argv[1:])
