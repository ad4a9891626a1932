"""`Rig`: a neutral mesh, its blendshapes and their correctives, joints and landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from mien.core import files
from mien.core.channels import ARKIT
from mien.core.errors import MienError
from mien.core.landmarks import LandmarkAnchors
from mien.core.mesh import Mesh

if TYPE_CHECKING:
    from mien.core.clip import Clip

__all__ = ["Corrective", "Joint", "Rig"]


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A joint at rest; rest rotations are the identity."""

    name: str
    """"neck", "head", "jaw", "eyeLeft" or "eyeRight"."""
    position: tuple[float, float, float]
    """Rest position in the rig's frame [mm]."""
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Corrective:
    """How the weight of a corrective shape follows from the weights of channels (each clipped to [0, 1]).

    Combination shapes as in Lewis et al. 2014, "Practice and Theory of Blendshape Facial Models", section 3.4.
    """

    name: str
    channels: tuple[str, ...]
    rule: Literal["product", "excess"] = "product"
    """"product": the product of two or more channels' weights. "excess": the amount by which the first channel's weight
    exceeds the second channel's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rig:
    """A face that can perform: vertices = skin(neutral + sum_s w_s shape_s + sum_k c_k(w) corrective_k).

    Wrong shapes, and correctives that contradict themselves, raise ValueError.
    """

    name: str
    neutral: Mesh
    """The face at rest [mm], +Y up, looking along +Z."""
    shape_names: tuple[str, ...]
    """ARKit names for the shapes that are ARKit channels; other shapes keep the names of their file."""
    shapes: Float[np.ndarray, "S V 3"]
    """Displacements from neutral at weight 1 [mm]."""
    correctives: tuple[Corrective, ...] = ()
    """The rule for the weight of each of `corrective_shapes`, which are no channels: code never sets, maps or solves
    for their weights."""
    corrective_shapes: Float[np.ndarray, "K V 3"] | None = None
    """Displacements from neutral at a corrective's weight 1 [mm]."""
    joints: tuple[Joint, ...] = ()
    joint_weights: Float[np.ndarray, "V J"] | None = None
    """Linear blend skinning weights, rows sum to 1. When a rig's eyeLook shapes turn its eyeballs, no vertex is skinned
    to the eye joints."""
    landmarks: dict[str, LandmarkAnchors] = field(default_factory=dict[str, LandmarkAnchors])
    """Name of a landmark layout -> its points on the neutral mesh."""
    identity_modes: Float[np.ndarray, "M V 3"] | None = None
    """Displacements per unit of identity coefficient [mm]; coefficients are standard normal."""
    colors: Float[np.ndarray, "V 3"] | None = None
    """Vertex colours, sRGB in [0, 1]."""
    licence: str = ""

    def __post_init__(self) -> None:
        vertices = len(self.neutral.vertices)
        if self.shapes.shape != (len(self.shape_names), vertices, 3):
            raise ValueError(
                f"rig '{self.name}': shapes are {self.shapes.shape}, not ({len(self.shape_names)}, {vertices}, 3)"
            )
        self._check_correctives()

    def _check_correctives(self) -> None:
        shape = (0,) if self.corrective_shapes is None else self.corrective_shapes.shape
        wanted = (len(self.correctives), len(self.neutral.vertices), 3) if self.correctives else shape
        if shape != wanted or shape[0] != len(self.correctives):
            raise ValueError(f"rig '{self.name}': corrective shapes are {shape}, not {wanted}")
        names = [*self.shape_names, *(corrective.name for corrective in self.correctives)]
        for corrective in self.correctives:
            driven = len(set(corrective.channels))
            if driven < 2 or driven != len(corrective.channels) or (corrective.rule == "excess" and driven != 2):
                raise ValueError(
                    f"rig '{self.name}': corrective '{corrective.name}' has channels {corrective.channels}"
                )
            if names.count(corrective.name) > 1:
                raise ValueError(f"rig '{self.name}': there are two shapes '{corrective.name}'")

    def shape(self, name: str) -> Float[np.ndarray, "V 3"]:
        """Displacement of one shape [mm]; raises MienError when the rig lacks it."""
        if name not in self.shape_names:
            raise MienError(f"rig '{self.name}' has no shape '{name}'")
        return self.shapes[self.shape_names.index(name)]

    def basis(self, channels: Sequence[str] = ARKIT) -> Float[np.ndarray, "C V 3"]:
        """Displacement of every channel [mm], zero for those the rig has no shape of."""
        at = {name: s for s, name in enumerate(self.shape_names)}
        out = np.zeros((len(channels), *self.neutral.vertices.shape), self.shapes.dtype)
        for c, name in enumerate(channels):
            if name in at:
                out[c] = self.shapes[at[name]]
        return out

    def evaluate(
        self, weights: Float[np.ndarray, "*batch C"], channels: Sequence[str] = ARKIT
    ) -> Float[np.ndarray, "*batch V 3"]:
        """Vertices [mm] at channel weights, in the rig's frame, before skinning; channels the rig lacks are ignored.

        Correctives are included.
        """
        out = self._blended(weights, channels)
        driven = self.corrective_weights(weights, channels)
        if self.corrective_shapes is None or not driven.any():
            return out
        flat = driven.reshape(-1, len(self.correctives)) @ self.corrective_shapes.reshape(len(self.correctives), -1)
        out += flat.reshape(out.shape)
        return out

    def corrective_weights(
        self, weights: Float[np.ndarray, "*batch C"], channels: Sequence[str] = ARKIT
    ) -> Float[np.ndarray, "*batch K"]:
        """Weights of the correctives, in [0, 1], at channel weights; a channel that is not given counts as 0."""
        if not self.correctives:
            return np.zeros((*weights.shape[:-1], 0), np.float32)
        at = {name: i for i, name in enumerate(channels)}
        absent, full = len(channels), len(channels) + 1
        deepest = max(len(corrective.channels) for corrective in self.correctives)
        columns = [
            [*(at.get(name, absent) for name in c.channels), *[full] * (deepest - len(c.channels))]
            for c in self.correctives
        ]
        level = np.zeros((*weights.shape[:-1], len(channels) + 2), np.float32)
        level[..., full] = 1.0
        np.clip(weights, 0.0, 1.0, out=level[..., :absent], casting="same_kind")
        of = level[..., np.array(columns)]
        out = of.prod(axis=-1)
        for k, corrective in enumerate(self.correctives):
            if corrective.rule == "excess":
                out[..., k] = np.maximum(of[..., k, 0] - of[..., k, 1], 0.0)
        return out

    def _blended(self, weights: np.ndarray, channels: Sequence[str]) -> np.ndarray:
        """The neutral and the channels' shapes."""
        at = {name: i for i, name in enumerate(channels)}
        own = [s for s, name in enumerate(self.shape_names) if name in at]
        neutral = self.neutral.vertices
        if not own:
            return np.broadcast_to(neutral, (*weights.shape[:-1], *neutral.shape)).copy()
        picked = weights[..., [at[self.shape_names[s]] for s in own]].astype(np.float32).reshape(-1, len(own))
        if 2 * len(own) >= len(self.shape_names):
            # The few shapes without a channel get weight 0: selecting the others would copy all shapes in every frame.
            full = np.zeros((len(picked), len(self.shape_names)), np.float32)
            full[:, own] = picked
            picked, basis = full, self.shapes
        else:
            basis = self.shapes[own]
        # One matrix product for all frames is limited by memory bandwidth; skipping the zeros of ICT's shapes (half of
        # all entries, scattered) was slower.
        out = (picked @ basis.reshape(len(basis), -1)).reshape(*weights.shape[:-1], *neutral.shape)
        if np.result_type(out, neutral) != out.dtype:
            return neutral + out
        out += neutral
        return out

    def with_identity(self, coefficients: Float[np.ndarray, "M"], name: str | None = None) -> "Rig":
        """This rig with its neutral moved along the identity modes; fewer coefficients than modes are allowed."""
        from dataclasses import replace

        if self.identity_modes is None:
            raise MienError(f"rig '{self.name}' has no identity modes")
        moved = self.neutral.vertices + np.tensordot(
            coefficients.astype(np.float32), self.identity_modes[: len(coefficients)], axes=1
        )
        return replace(self, name=name or self.name, neutral=Mesh(vertices=moved, topology=self.neutral.topology))

    def pose(
        self, vertices: Float[np.ndarray, "V 3"], rotations: dict[str, Float[np.ndarray, "4"]]
    ) -> Float[np.ndarray, "V 3"]:
        """Skin evaluated vertices by local joint rotations (quaternions xyzw); joints not named stay at rest."""
        if self.joint_weights is None or not rotations:
            return vertices
        from scipy.spatial.transform import Rotation  # pyright: ignore[reportMissingTypeStubs]

        world: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        out = np.zeros_like(vertices)
        for j, joint in enumerate(self.joints):  # parents come before children
            turn = Rotation.from_quat(rotations.get(joint.name, np.array([0, 0, 0, 1.0]))).as_matrix()
            rest = np.asarray(joint.position)
            matrix, offset = turn, rest - turn @ rest
            if joint.parent is not None:
                parent_matrix, parent_offset = world[joint.parent]
                matrix, offset = parent_matrix @ matrix, parent_matrix @ offset + parent_offset
            world[joint.name] = (matrix, offset)
            out += self.joint_weights[:, j : j + 1] * (vertices @ matrix.T + offset)
        return out.astype(vertices.dtype)

    def perform(self, clip: "Clip", frame: int) -> Float[np.ndarray, "V 3"]:
        """Vertices [mm] of one frame of a clip: shapes, then eyes by gaze, then head rotation about the head joint."""
        vertices = self.evaluate(clip.weights[frame], clip.channels)
        return self.pose(vertices, self.rotations(clip, frame))

    def rotations(self, clip: "Clip", frame: int) -> dict[str, Float[np.ndarray, "4"]]:
        """Rotations of one frame of a clip for `pose`: of the eyes by gaze, and of the head; each where it is known."""
        from mien.core.transforms import gaze_from_weights, quaternion_from_angles

        names = {joint.name for joint in self.joints}
        rotations: dict[str, np.ndarray] = {}
        gaze = (
            clip.gaze[frame] if clip.gaze is not None else gaze_from_weights(clip.with_channels(ARKIT).weights[frame])
        )
        for eye, joint in enumerate(("eyeLeft", "eyeRight")):
            if joint in names and np.isfinite(gaze).all():
                rotations[joint] = quaternion_from_angles(np.array([gaze[eye, 0], gaze[eye, 1], 0.0]))
        if clip.head_rotation is not None and "head" in names and np.isfinite(clip.head_rotation[frame]).all():
            rotations["head"] = clip.head_rotation[frame]
        return rotations

    def save(self, path: str | Path) -> None:
        """Write the rig at rest in the format of the path's extension; raises MienError when it cannot be written."""
        files.write(path, self)

    @classmethod
    def load(cls, path: str | Path, *, unit: str | None = None, any_names: bool = False, still: bool = False) -> "Rig":
        """Read a rig from a file or folder; raises MienError when there is none. `mien.load_rig` also accepts names.

        `unit` ("mm", "cm", "m") is for a folder of OBJ files, which state no unit. With `any_names` a rig without ARKit
        names is accepted, with `still` a rig without shapes.
        """
        return files.read(path, cls, unit=unit, any_names=any_names, still=still)
