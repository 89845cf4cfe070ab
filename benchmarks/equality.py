"""Compare members of a population with the single runs of their configurations, for every update rule, optimizer and kind of game.

    python -m benchmarks.equality                    # 200 turns of every rule, about 40 minutes
    python -m benchmarks.equality lola unrolled      # these rules only
    python -m benchmarks.equality --quick            # 20 turns

Everything is in float64. A row is a rule; a cell is the largest difference, relative to 1 + |parameter|, over all parameters, buffers,
members and four pairs of optimizers. Members differ in seed and learning rates. Rules that solve a linear system make three iterations of
their solver, because more iterations on a system that is far from solved amplify rounding, in single runs as well.

A run may amplify rounding by itself. If a difference is above 1e-10, the cell also shows the displacement of the single run after a change
of its start by one unit in the last place, 2⁻⁵², of every parameter. A difference within ten times that displacement is rounding; no other
is allowed.
"""

import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from arena.config import configure
from arena.engine.vector_env import Population
from arena.errors import RuleUndefined
from arena.registry import entries
from benchmarks import show_help
from tests.support.population_games import CriticRegression, MoonsDANN


class Kind(NamedTuple):
    """A kind of game: the game, its roles, and settings of small nets."""

    game: Any
    roles: tuple[str, str]
    settings: dict[str, Any]


KINDS = {
    "quadratic": Kind("quadratic", ("x", "y"), {}),
    "GAN": Kind("swiss-roll", ("generator", "discriminator"), {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16}),
    "critic": Kind(CriticRegression, ("regressor", "critic"), {"regressor.hidden": (8,), "critic.hidden": (8,)}),
    "DANN": Kind(MoonsDANN, ("extractor", "domain"), {}),
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"optimizer": "sgd", "lr": 0.02},
    "momentum": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.5},
    "RMSprop": {"optimizer": "rmsprop", "lr": 1e-3},
    "Adam": {"optimizer": "adam", "lr": 1e-3},
}
_SOLVER = {"rule.incomplete": "accept", "rule.iterations": 3}
OF_RULES: dict[str, dict[str, Any]] = {
    "competitive-gradient-descent": _SOLVER,
    "adaptive-competitive-gradient-descent": {**_SOLVER, "rule.epsilon": 0.1},
    "follow-the-ridge": {**_SOLVER, "rule.damping": 1.0},
}


def settings_of(kind: Kind, rule: str, first: str, second: str) -> dict[str, Any]:
    """Return the settings of a kind of game under a rule, with the optimizers of player 1 and 2 by name."""
    optimizers = zip(kind.roles, (OPTIMIZERS[first], OPTIMIZERS[second]), strict=True)
    of_optimizers = {f"{role}.{name}": value for role, optimizer in optimizers for name, value in optimizer.items()}
    return {**kind.settings, **of_optimizers, "rule": rule, **OF_RULES.get(rule, {}), "dtype": "float64"}


def apart(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    """Return the largest difference of two positions, relative to 1 + |number|; infinite if a number is not finite."""
    worst = 0.0
    for name, tensor in one.items():
        far = (tensor.detach() - other[name].detach()).abs() / (1 + tensor.detach().abs())
        worst = max(worst, float(far.max())) if bool(far.isfinite().all()) else float("inf")
    return worst


def everything(game: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return all parameters and buffers by name."""
    return {**dict(game.named_parameters()), **dict(game.named_buffers())}


def sensitivity(game: Any, settings: Mapping[str, Any], members: Sequence[Mapping[str, Any]], turns: int) -> float:
    """Return the largest displacement of a single run if each parameter starts one unit in the last place away."""
    base, worst = configure(game, {"turns": 2 * turns, **settings}), 0.0
    for seed, own in enumerate(members):
        ends = []
        for change in (0.0, 2.0**-52):
            arena = base.vary({"seed": seed, **own}).build()
            arena.reset(seed=seed)
            with torch.no_grad():
                for p in arena.game.parameters():
                    p.mul_(1 + change)
            for _ in range(turns):
                arena.play_scheduled_turn()
            ends.append(everything(arena.game))
        worst = max(worst, apart(*ends))
    return worst


def difference(game: Any, settings: Mapping[str, Any], members: Sequence[Mapping[str, Any]], turns: int) -> float:
    """Return the largest relative difference of a population to the single runs of its members after some turns.

    `settings` are common to all members, `members` are those of each; the seeds are 0, 1, …
    """
    base = configure(game, {"turns": 2 * turns, **settings})
    configs = [base.vary({"seed": seed, **own}) for seed, own in enumerate(members)]
    population = Population(configs)
    population.reset()
    for _ in range(turns):
        population.play_scheduled_turn()
    worst = 0.0
    for member, config in enumerate(configs):
        arena = config.build()
        arena.reset(seed=config.run.seed)
        try:
            for _ in range(turns):
                arena.play_scheduled_turn()
        except RuleUndefined:
            if member not in population.undefined:
                raise
            continue
        if member in population.undefined:
            raise RuleUndefined(population.undefined[member])
        with population.members.alone(population.game, member):
            worst = max(worst, apart(everything(arena.game), everything(population.game)))
    return worst


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    chosen = [word for word in sys.argv[1:] if not word.startswith("-")]
    turns = 20 if "--quick" in sys.argv else 200
    print(f"after {turns} turns, torch {torch.__version__}\n\n| rule | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}", flush=True)
    largest, unexplained = 0.0, 0
    for rule in chosen or entries("rule"):
        cells = []
        for kind in KINDS.values():
            members: list[dict[str, Any]] = [{}, {f"{kind.roles[0]}.lr": 3e-3}, {f"{kind.roles[1]}.lr": 5e-3}]
            differences = {name: difference(kind.game, settings_of(kind, rule, name, name), members, turns) for name in OPTIMIZERS}
            name = max(differences, key=lambda name: differences[name])
            cell = f"{differences[name]:.0e}"
            if differences[name] < 1e-10:
                largest = max(largest, differences[name])
            else:
                alone = sensitivity(kind.game, settings_of(kind, rule, name, name), members, turns)
                rounding = differences[name] <= 10 * alone
                unexplained += not rounding
                cell = f"{cell} ({name}; one unit in the last place: {alone:.0e})" if rounding else f"**{cell}** ({name}; {alone:.0e})"
            cells.append(cell)
        print(f"| {rule} | {' | '.join(cells)} |", flush=True)
    print(f"\nlargest difference below 1e-10: {largest:.1e}; above it and more than ten times the effect of rounding: {unexplained}")


if __name__ == "__main__":
    show_help(__doc__)
    main()
