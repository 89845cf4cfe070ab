"""Entry points of `gymnasium.make` and `gymnasium.make_vec`."""

from collections.abc import Mapping, Sequence
from typing import Any

from arena.config.configure import configure
from arena.engine.env import Arena
from arena.engine.members.capacity import fitting
from arena.engine.vector_env import Population
from arena.errors import BadSetting, check_number


def make(game: str, render_mode: str | None = None, **settings: Any) -> Arena:
    """Return the arena of `gymnasium.make("arena/SwissRoll-v0", rule="extragradient", generator={"lr": 1e-4})`."""
    return configure(game, settings).build(render_mode)


make.metadata = Arena.metadata  # type: ignore[attr-defined]  # by which gymnasium.make finds out that its window can show the pictures


def make_vec(
    game: str, num_envs: int = 1, members: Sequence[Mapping[str, Any]] | None = None, render_mode: str | None = None, **settings: Any
) -> Population:
    """Return the population of `gymnasium.make_vec("arena/SwissRoll-v0", num_envs=64)`.

    Args:
        game: Id of the game.
        num_envs: Number of members; by default the length of `members`.
        members: Settings of each member by dotted name; the default seed of member i is the seed plus i.
        render_mode: `rgb_array`, or None.
        settings: Settings of all members, as in `gymnasium.make`.

    Example:
        >>> import arena.games
        >>> rates = [{"generator.lr": 1e-4}, {"generator.lr": 1e-3}]
        >>> make_vec("swiss-roll", 2, members=rates, turns=5).num_envs
        2
    """
    check_number("num_envs", num_envs, least=1, whole=True)
    if members is not None and (isinstance(members, (str, Mapping)) or not isinstance(members, Sequence)):
        raise BadSetting("members", members, "a list of dictionaries, one for each member")
    if members is not None and num_envs == 1:
        num_envs = len(members)
    base = configure(game, settings)
    if num_envs > 1:  # before all the configurations are made
        one = base.vary({**(members[0] if members else {}), "compile": False, "cuda_graphs": False})
        fitting(Population([one]), num_envs, name="num_envs")
    changes = list(members) if members is not None else [{} for _ in range(num_envs)]
    if len(changes) != num_envs:
        raise BadSetting("members", f"a list of {len(changes)}", f"{num_envs} dictionaries, as many as num_envs")
    return Population([base.vary({"seed": base.run.seed + i, **given}) for i, given in enumerate(changes)], render_mode=render_mode)
