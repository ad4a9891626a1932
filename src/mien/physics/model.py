"""`Model`: a body as positions at rest and the energies that act on it, and the factor of its Hessian at rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.physics.energies.term import Term

__all__ = ["Model", "Preconditioner", "factor", "precondition"]

Preconditioner = Callable[[Float[np.ndarray, "N 3"]], Float[np.ndarray, "N 3"]]
"""An approximate inverse Hessian: from a gradient [N] to the displacement that would cause it at rest [mm]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """Energies of the positions of one set of vertices."""

    rest: Float[np.ndarray, "N 3"]
    """Positions at rest [mm]."""
    terms: tuple[Term, ...]
    """The energies, whose sum is minimised."""

    def energy(self, positions: Float[np.ndarray, "N 3"], gradient: Float[np.ndarray, "N 3"]) -> float:
        """The energy [mJ] at positions; `gradient` is overwritten with its gradient [N]."""
        gradient[:] = 0.0
        total = 0.0
        for term in self.terms:
            total += term.add(positions, gradient)
            if total == np.inf:
                break
        return total

    def hessian(self, positions: Float[np.ndarray, "N 3"], terms: Sequence[Term] | None = None) -> Any:
        """The Hessian of the terms (of all by default) at positions, sparse [3 N, 3 N], N/mm."""
        chosen = self.terms if terms is None else terms
        out = chosen[0].hessian(positions)
        for term in chosen[1:]:
            out = out + term.hessian(positions)
        return out.tocsr()


def precondition(model: Model, terms: Sequence[Term]) -> Preconditioner:
    """The inverse of the Hessian of `terms` at rest, each 3 x 3 block replaced by a third of its trace.

    One factor then serves the three coordinates at once. `terms` are those whose Hessian is positive at rest.
    """
    hessian = model.hessian(model.rest, terms)
    scalar = sum(hessian[k::3, k::3] for k in range(3)) / 3
    return factor(scalar)


def factor(matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A function that solves a sparse, symmetric, positive definite system for right-hand sides [N, 3]."""
    from cholespy import (  # its compiled module has no types
        CholeskySolverD,  # pyright: ignore[reportAttributeAccessIssue]
        MatrixType,  # pyright: ignore[reportAttributeAccessIssue]
    )

    entries = matrix.tocoo()
    count = entries.shape[0]
    solver = CholeskySolverD(
        count,
        entries.row.astype(np.int32),
        entries.col.astype(np.int32),
        entries.data.astype(np.float64),
        MatrixType.COO,
    )

    def solve(right: np.ndarray) -> np.ndarray:
        out = np.zeros((count, 3))
        solver.solve(np.ascontiguousarray(right, np.float64), out)
        return out

    return solve
