"""The base class of update rules.

A rule chooses directions; each player's `torch.optim` optimizer takes the steps. Most rules are one `direction(field)`; a rule with
several steps per turn overrides `step(turn)` and uses `turn.move`, `turn.position` and `turn.restore`.
"""

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from arena.core.directions import Direction
from arena.core.field.field import Field
from arena.errors import GameFault
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.memory import Memory
from arena.rules.turn import Turn


class Cost(NamedTuple):
    """Cost of a turn of two players: gradients of one player's loss, and products with one player's rows of the Jacobian."""

    gradient_evaluations: float
    products: float = 0


class UpdateRule(Memory):
    """A map from the field to the players' moves; override `direction` or `step`.

    The field is that of the movers. If a scheduler moves one player alone, the rule is that of a one-player game: cross terms vanish,
    and consensus becomes a penalty on that player's own gradient. The published rules move both.

    In a population, coefficients may be tensors with one number per member: write arithmetic with `plus` and `times`, and branch by
    `choose` rather than by `if`.

    Class attributes:
        also: Other names of the rule.
        may_differ: Whole-number arguments that may differ between members of a population. Other numbers always may.

    Example:
        >>> class Backwards(UpdateRule):
        ...     def direction(self, field):
        ...         return {name: -g for name, g in field.gradients().items()}
        >>> Backwards().state_dict()
        {}
    """

    _arena_kind: ClassVar[str] = "rule"
    also: ClassVar[tuple[str, ...]] = ()
    may_differ: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *arguments: Any, **settings: Any) -> "UpdateRule":
        if cls.direction is UpdateRule.direction and cls.step is UpdateRule.step:
            raise GameFault(f"the rule {cls.__name__} has neither direction(field) nor step(turn); write one of the two")
        return super().__new__(cls)

    def direction(self, field: Field) -> Direction:
        """Return the direction that replaces the gradient; each mover's optimizer steps along it."""
        raise GameFault(f"the rule {type(self).__name__} has no single direction; call step(turn)")

    def step(self, turn: "Turn") -> None:
        """Move the movers once. All directions are computed before any player moves."""
        turn.move(self.direction(turn.field))

    # Optional claims, which `check_rule` tests -------------------------------------------------------------------------------

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        """Return the linear map of a turn on a quadratic game with plain SGD; None if it is not linear, or not claimed."""
        return None

    def cost(self) -> Cost | None:
        """Return the cost of a turn of both players after the first turns; None if it depends on the game."""
        return None

    def report(self) -> dict[str, Tensor | float]:
        """Return numbers about the latest turn, such as the iterations of a solver; traced as `rule.NAME`."""
        return {}

    def evaluated_parameters(self) -> Direction | None:
        """Return the parameters and buffers to evaluate in place of the live ones (such as an average); None for the live ones."""
        return None
