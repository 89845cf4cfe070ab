"""Adaptive competitive gradient descent: CGD in which every parameter has its own learning rate, from the size of its gradients.

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
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)  # 0 is of members that have not moved yet


class AdaptiveCompetitiveGradientDescent(CompetitiveGradientDescent):
    """z⁺ = z − (I + EH)⁻¹ Ev with E = diag(η / (√ŝ + ε)), ŝ being the running mean of squared gradients, corrected for its start.

    It adapts by itself, so its optimizers should be plain SGD. Cost: as competitive gradient descent.

    Args:
        beta: decay of the mean square, in [0, 1).
        epsilon: added to the root, above 0.
        tolerance: relative residual at which the solver stops, above 0; in float32 not below 1e-6.
        iterations: the most iterations of a turn, at least 1.
        warm_start: begin from the solution of the turn before.
        incomplete: refuse to go on, or accept the move, where the tolerance is not reached.

    Raises:
        BadSetting: for a number out of its range.
        RuleUndefined: where the solver does not converge, or on a game without second derivatives.
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
        own = {name: aligned(rates[name], s) / (s.sqrt() + aligned(self.epsilon, s)) for name, s in corrected.items()}
        turn.move(times({name: -1 / rates[name] for name in v}, self.equilibrium(turn.field, v, own)))

    def linear_map(self, game: LinearGame) -> None:
        return None  # its rates depend on the gradients

    def forget(self, members: Tensor) -> None:
        super().forget(members)
        self.seen = {name: count * self.field.as_numbers(~members) for name, count in self.seen.items()}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seen": dict(self.seen)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.seen = dict(state["seen"])
