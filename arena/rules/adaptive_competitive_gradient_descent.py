"""Adaptive competitive gradient descent: CGD with a learning rate for every parameter, from the size of its gradients.

    sₜ = βsₜ₋₁ + (1 − β) v²,    ηᵢ = η / (√(sᵢ/(1 − βᵗ)) + ε),    z⁺ = z − (I + EH)⁻¹ E v,    E = diag(ηᵢ)

F. Schäfer, H. Zheng, A. Anandkumar, "Implicit competitive regularization in GANs", arXiv:1910.05852, algorithm 2 (ACGD).
"""

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from arena.core.directions import aligned, plus, times
from arena.errors import check_number
from arena.rules.competitive_gradient_descent import CompetitiveGradientDescent
from arena.rules.linear import LinearGame
from arena.rules.turn import Turn


def _least_one(count: int | Tensor) -> int | Tensor:
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)  # 0 for members that have not moved yet


class AdaptiveCompetitiveGradientDescent(CompetitiveGradientDescent):
    """z⁺ = z − (I + EH)⁻¹ Ev with E = diag(η / (√ŝ + ε)), ŝ being the bias-corrected running mean of squared gradients.

    The rule is adaptive, so its optimizers should be plain SGD. Cost: as competitive gradient descent.

    Args:
        beta: Decay of the mean square, in [0, 1).
        epsilon: Added to the root, above 0.
        tolerance: Relative residual at which the solver stops, above 0; in float32 at least 1e-6.
        iterations: Largest number of iterations per turn, at least 1.
        warm_start: Begin at the solution of the previous turn.
        incomplete: refuse to continue, or accept the move, if the tolerance is not reached.

    Raises:
        BadSetting: A number is out of its range.
        RuleUndefined: The solver does not converge, or the game has no second derivatives.
    """

    also = ("acgd",)

    def __init__(
        self,
        beta: float = 0.99,
        epsilon: float = 1e-5,
        tolerance: float = 1e-5,
        iterations: int = 100,
        warm_start: bool = False,
        incomplete: Literal["refuse", "accept"] = "refuse",
    ):
        check_number("beta", beta, least=0, below=1)
        check_number("epsilon", epsilon, above=0)
        super().__init__(tolerance, iterations, warm_start, incomplete)
        self.beta, self.epsilon = beta, epsilon
        self.seen: dict[str, int | Tensor] = {}

    def step(self, turn: Turn) -> None:
        v = turn.field.gradients(keep=True)
        squares = plus(times(self.beta, self.recall("squares", turn.field.moving)), {n: g * g for n, g in v.items()}, 1 - self.beta)
        self.remember("squares", squares)
        self.seen |= {name: self.seen.get(name, 0) + turn.field.moves(name) for name in v}
        corrected = times({name: 1 / (1 - self.beta ** _least_one(self.seen[name])) for name in v}, squares)
        rates = turn.learning_rates()
        steps = {name: aligned(rates[name], s) / (s.sqrt() + aligned(self.epsilon, s)) for name, s in corrected.items()}
        turn.move(times({name: -1 / rates[name] for name in v}, self.equilibrium(turn.field, v, steps)))

    def linear_map(self, game: LinearGame) -> None:
        return None  # because the rates depend on the gradients

    def forget(self, members: Tensor) -> None:
        super().forget(members)
        self.seen = {name: count * self.field.as_numbers(~members) for name, count in self.seen.items()}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seen": dict(self.seen)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.seen = dict(state["seen"])
