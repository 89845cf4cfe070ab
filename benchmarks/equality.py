"""Whether members of a population equal the single runs of their configurations: every update rule, optimizer and kind of game.

    python -m benchmarks.equality                    # 200 turns of every rule, about 40 minutes
    python -m benchmarks.equality lola unrolled      # of these rules
    python -m benchmarks.equality --quick            # 20 turns

Float64. A row is a rule; a cell is the largest difference, relative to 1 + |parameter|, over all parameters, buffers, members and four
pairs of optimizers. Members differ in seed and learning rates. Rules that solve a linear system make three iterations of their solver, as
more of them on a system that is far from solved amplify rounding, in single runs as well.

A run may amplify rounding by itself. Where a difference is above 1e-10, the cell also shows how far the single run moves when its start is
changed by one unit in the last place, 2⁻⁵², of every parameter: a difference within ten times of that is rounding, and no other is allowed.
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
from tests.support.population_games import CriticRegression, MoonsDANN


class Kind(NamedTuple):
    """A kind of game: what is configured, its roles, and small nets for it."""

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
    """The settings of a game of that kind under a rule, player 1 and 2 having the optimizers of those names."""
    optimizers = zip(kind.roles, (OPTIMIZERS[first], OPTIMIZERS[second]), strict=True)
    own = {f"{role}.{name}": value for role, optimizer in optimizers for name, value in optimizer.items()}
    return {**kind.settings, **own, "rule": rule, **OF_RULES.get(rule, {}), "dtype": "float64"}


def apart(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    """The largest difference of two positions, relative to 1 + |number|; infinite where something is not finite."""
    worst = 0.0
    for name, tensor in one.items():
        far = (tensor.detach() - other[name].detach()).abs() / (1 + tensor.detach().abs())
        worst = max(worst, float(far.max())) if bool(far.isfinite().all()) else float("inf")
    return worst


def everything(game: torch.nn.Module) -> dict[str, torch.Tensor]:
    """All parameters and buffers by name."""
    return {**dict(game.named_parameters()), **dict(game.named_buffers())}


def sensitivity(game: Any, settings: Mapping[str, Any], members: Sequence[Mapping[str, Any]], turns: int) -> float:
    """How far the most sensitive of the single runs moves when each parameter starts one unit in the last place away."""
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
    """The largest relative difference of a population to the single runs of its members after some turns.

    Args:
        game: whatever `configure` takes.
        settings: of all members.
        members: settings of each; they have the seeds 0, 1, …
        turns: turns played.
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
            found = {name: difference(kind.game, settings_of(kind, rule, name, name), members, turns) for name in OPTIMIZERS}
            name = max(found, key=lambda name: found[name])
            cell = f"{found[name]:.0e}"
            if found[name] < 1e-10:
                largest = max(largest, found[name])
            else:
                own = sensitivity(kind.game, settings_of(kind, rule, name, name), members, turns)
                rounding = found[name] <= 10 * own
                unexplained += not rounding
                cell = f"{cell} ({name}; one unit in the last place: {own:.0e})" if rounding else f"**{cell}** ({name}; {own:.0e})"
            cells.append(cell)
        print(f"| {rule} | {' | '.join(cells)} |", flush=True)
    print(f"\nlargest difference below 1e-10: {largest:.1e}; above it and not within ten times of what rounding does alone: {unexplained}")


if __name__ == "__main__":
    main()
