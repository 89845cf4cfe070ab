"""Eigenvalues μ of the Jacobian J = ∂v/∂z of the field of gradients v.

Descent z⁺ = z − ηv is stable for small η if every real part is positive (with J = −∂v/∂z, as in many papers, negative). Large imaginary
parts rotate and need small steps: |1 − ημ| < 1 needs η < 2·Re(μ)/|μ|² (Mescheder et al. 2017, arXiv:1705.10461).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from arena.core.field.field import Field
from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic, MeasurementFailed, parameters_in
from arena.errors import ArenaError, BadSetting, cause, check_choice, check_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXTREMES = {"LM": "largest modulus", "SR": "smallest real part", "LI": "largest imaginary part"}
"""The three ends of the spectrum of a large game, in ARPACK's letters and in words."""


class Spectrum(Diagnostic):
    """Eigenvalues of the Jacobian of the field of gradients: all of them, or in a large game the outermost.

    `spectral_radius`, `smallest_real` (below 0: descent is repelled), `largest_imaginary`, and `rotating_share`: the share of eigenvalues
    with |Im μ| > |Re μ|. Separate Arnoldi iterations find the largest moduli, smallest real parts and largest imaginary parts, so that the
    first three numbers mean the same in both modes; the share is then among the `top` of largest modulus. Arnoldi starts from a fixed
    vector and stops at residuals below √ε of the run's precision, relative to the spectral radius. If one of the iterations does not
    converge, its numbers are missing, the reason is in the trace, and the picture shows the eigenvalues that have converged.

    Cost: for each part that moves, dense, one product for each parameter; by Arnoldi, until it converges, at most 3 products for each of
    `restarts + 1` times `basis` vectors, and a few more.

    Args:
        mode: dense, arnoldi, or auto: dense for games of at most `dense` parameters.
        dense: Largest number of parameters for a dense Jacobian, at least 1.
        top: Number of eigenvalues at each end that Arnoldi finds, at least 1.
        restarts: Largest number of restarts of each Arnoldi iteration, at least 1.
        basis: Vectors of an Arnoldi iteration, above `top + 1`; 0 takes the larger of 4·`top` and 40.

    Raises:
        BadSetting: A number is out of its range.
        ArenaError: The game is too large for dense, or too small for Arnoldi.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> Spectrum().measure(Arena(Bilinear))["largest_imaginary"]
        1.0
    """

    def __init__(
        self, mode: Literal["auto", "dense", "arnoldi"] = "auto", dense: int = 200, top: int = 6, restarts: int = 100, basis: int = 0
    ):
        check_choice("mode", mode, ("auto", "dense", "arnoldi"))
        check_number("dense", dense, least=1, whole=True)
        check_number("top", top, least=1, whole=True)
        check_number("restarts", restarts, least=1, whole=True)
        check_number("basis", basis, least=0, whole=True)
        if 0 < basis < top + 2:
            raise BadSetting("basis", basis, f"at least {top + 2}, two above top, or 0")
        self.mode, self.dense, self.top, self.restarts, self.basis = mode, int(dense), int(top), int(restarts), int(basis)
        self.eigenvalues: np.ndarray | None = None
        self._complete = True
        self._missing: dict[str, str] = {}

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        self.check(arena.game)
        self.eigenvalues, self._missing = None, {}
        self._complete = self._is_dense(arena.game)
        with self.looking(arena) as field:
            if self._complete:
                matrix = jacobian(field)
                values = self.eigenvalues = np.linalg.eigvals(matrix) if np.isfinite(matrix).all() else np.array([complex("nan")])
                return _numbers(dict.fromkeys(EXTREMES, values))
            found: dict[str, np.ndarray] = {}
            complaints: dict[str, str] = {}
            for which in EXTREMES:
                shift = 2 * float(np.abs(found["LM"]).max(initial=0)) if found else 0.0
                found[which], complaint = self._extremes(field, which, shift)
                complaints |= {which: complaint} if complaint else {}
        self.eigenvalues = _merged([*found.values()])
        self._missing = {which: f"{EXTREMES[which]} ({len(found[which])} of {self.top} converged)" for which in complaints}
        numbers = _numbers({which: values for which, values in found.items() if which not in complaints})
        if complaints:
            raise MeasurementFailed("spectrum: " + "; ".join(complaints.values()), numbers)
        return numbers

    def cost(self, game: Game) -> Cost:
        size = parameters_in(game)
        if self._is_dense(game):
            return Cost(products=size * len(game.keys))
        most = len(EXTREMES) * ((self.restarts + 1) * self._basis(size) + self.top + 3)
        return Cost(products=most * len(game.keys), at_most=True)

    def check(self, game: Game) -> None:
        size, name = parameters_in(game), type(game).__name__
        if self.mode == "dense" and size > self.dense:
            raise ArenaError(
                f"spectrum(mode=dense) forms the Jacobian of at most {self.dense:,} parameters, but the players of {name} have {size:,}; "
                f"write spectrum(mode=arnoldi), or allow dense={size}"
            )
        if not self._is_dense(game) and self.top > size - 2:
            few = f"at most {size - 2} for the {size} parameters of {name}" if size > 2 else "left to mode=dense in a game of 2 parameters"
            raise BadSetting("spectrum.top", self.top, few)

    def figure(self, arena: MeasuredGame) -> "Figure | None":
        from arena.diagnostics import figures

        if self.eigenvalues is None or not np.isfinite(self.eigenvalues).all():
            return None
        return figures.eigenvalues(self.eigenvalues, complete=self._complete, missing=[*self._missing.values()])

    def _is_dense(self, game: Game) -> bool:
        return self.mode == "dense" or (self.mode == "auto" and parameters_in(game) <= self.dense)

    def _basis(self, size: int) -> int:
        return min(size, self.basis or max(4 * self.top, 40))

    def _extremes(self, field: Field, which: str, shift: float) -> tuple[np.ndarray, str]:
        """Return the converged ones of the `top` eigenvalues at one end of the spectrum, and why they are not all, or an empty string.

        The iteration runs on J + sI with a shift s of twice the spectral radius: ARPACK's tolerance is relative to the modulus of each
        eigenvalue, which no product in float32 meets for eigenvalues near 0, such as those of the smallest real part.
        """
        from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs

        like = next(iter(field.moving.values()))
        size = sum(p.numel() for p in field.moving.values())
        product = LinearOperator((size, size), matvec=lambda t: _product(field, t) + shift * t.reshape(-1), dtype=np.float64)
        options: dict[str, Any] = {
            "k": self.top,
            "which": which,
            "v0": np.random.default_rng(0).standard_normal(size),  # because ARPACK's own start vector differs between calls
            "ncv": self._basis(size),
            "maxiter": self.restarts,
            "tol": float(torch.finfo(like.dtype).eps) ** 0.5,
            "return_eigenvectors": False,
        }
        try:
            return eigs(product, **options) - shift, ""
        except ArpackNoConvergence as error:
            return error.eigenvalues - shift, (
                f"the Arnoldi iteration found {len(error.eigenvalues)} of the {self.top} eigenvalues of {EXTREMES[which]} of a Jacobian of "
                f"{size:,} parameters within {self.restarts} restarts; raise restarts or basis, or lower top"
            )
        except ArpackError as error:
            return np.zeros(0, complex), (
                f"the Arnoldi iteration for the {EXTREMES[which]} of a Jacobian of {size:,} parameters failed "
                f"({cause(error)}); choose another top"
            )


def _numbers(ends: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the numbers of the ends of the spectrum that have been found, by the letters of `EXTREMES`."""
    numbers = {}
    if "LM" in ends:
        numbers["spectral_radius"] = float(np.abs(ends["LM"]).max())
        numbers["rotating_share"] = float(np.mean(np.abs(ends["LM"].imag) > np.abs(ends["LM"].real)))
    if "SR" in ends:
        numbers["smallest_real"] = float(ends["SR"].real.min())
    if "LI" in ends:
        numbers["largest_imaginary"] = float(np.abs(ends["LI"].imag).max())
    return numbers


def jacobian(field: Field) -> np.ndarray:
    """Return J of a frozen field; row i is the change of gradient entry i, in the order of the parameters."""
    size = sum(p.numel() for p in field.moving.values())
    return np.stack([_product(field, column) for column in np.eye(size)], axis=1)


def _product(field: Field, vector: np.ndarray) -> np.ndarray:
    """Return J·t for a float64 vector t."""
    whole = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).reshape(-1))
    parts = whole.split([p.numel() for p in field.moving.values()])
    tangent = {name: part.view_as(p).to(p) for part, (name, p) in zip(parts, field.moving.items(), strict=True)}
    changed = field.jvp(tangent)
    return torch.cat([changed[name].flatten() for name in field.moving]).double().cpu().numpy()


def _merged(ends: list[np.ndarray]) -> np.ndarray:
    """Return the eigenvalues of all ends without repetitions."""
    kept: list[complex] = []
    for value in np.concatenate(ends):
        scale = max(abs(value), 1e-12)
        if all(abs(value - other) > 1e-3 * scale for other in kept):
            kept.append(value)
    return np.array(kept, dtype=complex)
