"""Faces of another topology: the person in terms of ICT-FaceKit, and that person's movement on the face's own mesh.

ICT-FaceKit's head is fitted to the face (as `mien.rigs.transfer.transfer` does), then the identity nearest to the
fitted head is fitted to the face again: it starts closer, and slides less along cheeks and forehead, where closest
points do not constrain it. That identity is the network's input, and the network's output is transferred to the face by
deformation transfer (Sumner & Popovic 2004). Interpolating within the triangle nearest to each vertex errs less on
realistic faces (0.058, not 0.064 mm) but tears where a vertex is matched with the wrong lip, as inside a stylised
mouth. Does not import torch.
"""

import numpy as np
from jaxtyping import Float

from mien.core import Mesh, MeshSequence, MienError, Rig
from mien.rigs.fit.person import person
from mien.rigs.retarget.correspondence import fit_similarity
from mien.rigs.transfer.match import matched
from mien.rigs.transfer.pieces import Pieces, balls, lifted
from mien.rigs.transfer.poisson import Poisson

__all__ = ["OtherTopologyFace"]

_ROUNDS = 2
"""Times that a head is fitted to the face; mean slip on two people's faces after 1, 2, 3 times: 2.5, 1.7, 1.5 mm."""
_LOOSE = 30.0
"""Squared error [mm^2] of a coordinate of the fitted head, as if all vertices erred independently, which they do not:
30 and 300 recover identities equally well, 3,000 is too stiff."""
_HUMAN = (0.8, 1.25)
"""Range of a face's size relative to the mean in which it keeps its size; others (giants, centimetres) are scaled."""


class OtherTopologyFace:
    """A neutral of any topology and the person that it shows."""

    def __init__(self, head: Rig, face: int, mesh: Mesh, landmarks: dict[int, int] | None = None) -> None:
        """Fit `head`, a rig with identity modes of which the first `face` vertices are used.

        `landmarks` map numbers of iBUG 68 points to vertices of `mesh`; by default the face is found by shape. Raises
        MienError when there is no good fit.
        """
        if head.identity_modes is None:
            raise MienError(f"the rig '{head.name}' has no identity modes; download it again with `mien assets get`")
        target = Rig(
            name="neutral",
            neutral=mesh,
            shape_names=(),
            shapes=np.zeros((0, len(mesh.vertices), 3), np.float32),
        )
        own, match = head, matched(head, target, landmarks)
        size = 1.0 if _HUMAN[0] < match.similarity.scale < _HUMAN[1] else match.similarity.scale
        for _ in range(_ROUNDS - 1):
            own = person(head, _identity(head, match.fitted[:face] / size))
            match = matched(own, target, landmarks)
        self.mesh = mesh
        self.neutral = person(head, _identity(head, match.fitted[:face] / size)).neutral
        """The person on the topology of `head` [mm]."""
        self._match, self._pieces, self._solver = match, Pieces(match), Poisson(own, match)
        joints = {joint.name: match.similarity(np.array(joint.position)) for joint in own.joints}
        self._eyes = balls(match, {name: (float(x), float(y), float(z)) for name, (x, y, z) in joints.items()})

    def sequence(self, made: MeshSequence) -> MeshSequence:
        """A sequence that was generated for `neutral`, transferred to `mesh`."""
        moved = [self.carried(frame - made.vertices[0]) for frame in made.vertices]
        return MeshSequence(times=made.times, vertices=self.mesh.vertices + moved, topology=self.mesh.topology)

    def carried(self, moved: Float[np.ndarray, "S 3"]) -> Float[np.ndarray, "V 3"]:
        """Displacements of `mesh` [mm] from those of `neutral`."""
        on = lifted(self._match.skin.vertices, self._solver.shape(moved), self._eyes)
        return self._pieces.move(moved, on).astype(np.float32)


def _identity(head: Rig, face: Float[np.ndarray, "F 3"], rounds: int = 4) -> Float[np.ndarray, "M"]:
    """Coefficients of the identity nearest to a face at any place: ridge regression, alternating with rigid
    alignment."""
    assert head.identity_modes is not None
    mean = head.neutral.vertices[: len(face)].astype(float)
    modes = head.identity_modes[:, : len(face)].reshape(len(head.identity_modes), -1).astype(float)
    system = modes @ modes.T + _LOOSE * np.eye(len(modes))
    goal, coefficients = mean, np.zeros(len(modes))
    for _ in range(rounds):
        turn = fit_similarity(face, goal).rotation
        stood = (face - face.mean(axis=0)) @ turn.T + goal.mean(axis=0)
        coefficients = np.linalg.solve(system, modes @ (stood - mean).reshape(-1))
        goal = mean + (coefficients @ modes).reshape(-1, 3)
    return coefficients
