"""The theory of a variant: the linear map that its turn is near the game's solution."""

import torch

from arena.config.config import Config
from arena.errors import GameFault
from arena.rules.linear import LinearGame, LinearMap


def claimed_map(config: Config) -> LinearMap | None:
    """Return the linear map of a variant near the game's solution; None if it is not known.

    It is known for rules that claim one, played by both players at once over plain SGD with constant rates and coupling, on a game that
    draws no batch and states its solution.
    """
    try:
        arena = config.build()
    except GameFault:  # its run has the reason
        return None
    flat = config.flat()
    constant = all(
        flat.get(f"{name}.name", "constant") == "constant" for name in ("coupling", *(f"{r}.schedule" for r in arena.game.roles))
    )
    plain = all(
        type(o) is torch.optim.SGD and g["momentum"] == g["weight_decay"] == 0 and g["lr"] == o.param_groups[0]["lr"]
        for o in arena.optimizers.values()
        for g in o.param_groups
    )
    solution = arena.game.solution()
    if not (constant and plain and flat["scheduler.name"] == "simultaneous") or solution is None:
        return None
    from arena.diagnostics.spectrum import jacobian

    size = sum(p.numel() for p in arena.game.parameters())
    if size > 200 or arena.game.sample(arena.rng) is not None:
        return None
    with torch.no_grad():
        for name, p in arena.game.named_parameters():
            p.copy_(solution[name])
    arena.field.freeze(None, flat["coupling.value"] * arena.game.max_coupling)
    split_at = sum(p.numel() for p in arena.game.players[arena.game.roles[0]].parameters())
    rates = tuple(arena.learning_rate(role) for role in arena.game.roles)
    linear = LinearGame(torch.as_tensor(jacobian(arena.field), dtype=torch.float64), split_at, rates)  # type: ignore[arg-type]
    return arena.rule.linear_map(linear)
