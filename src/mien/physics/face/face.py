"""`Face`: a simulated face that its muscles move."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core import MienError, Rig
from mien.core.mesh import MeshSequence
from mien.physics.energies.fibres import Fibres
from mien.physics.face.anatomy import Muscle, muscles
from mien.physics.face.jaw import Jaw, find_jaw, jaw_share
from mien.physics.face.lips import Lips, find_lips
from mien.physics.face.mesh import FaceMesh, face_mesh
from mien.physics.face.pull import Origins, attach
from mien.physics.face.settings import TissueSettings
from mien.physics.face.tissue import Layers, Tissue, build_tissue, layers, regions
from mien.physics.face.upsample import Upsampling
from mien.physics.model import Model, Preconditioner, precondition
from mien.physics.solver import History, Settings, Solution, minimise

__all__ = ["CONTROLS_OF_JAW", "Face", "State", "build_face"]

CONTROLS_OF_JAW = ("jaw_open", "jaw_forward", "jaw_left", "jaw_right")
"""Actuators of the jaw: the openers (digastric, lateral pterygoids together), the protruders, and the lateral pterygoid
that swings the jaw to the subject's left or right. Closing is the absence of opening."""
_HALVINGS = 5
"""How often a change of the controls is halved when it would turn tissue inside out."""
_ON_THE_WAY = Settings(iterations=12, tolerance=0.05)
"""How exactly the steps in between are solved."""
_JAW_BONE = (0.25, 0.75)
"""Share of the jaw's motion below which tissue is fixed to the skull, and above which to the mandible."""


@dataclass(eq=False)
class State:
    """Where the tissue is, and what the next solve starts from."""

    positions: Float[np.ndarray, "N 3"]
    """Epidermis, then fascia [mm]: the last good state."""
    controls: Float[np.ndarray, "C"]
    """The controls that the positions are in equilibrium with."""
    history: History = field(default_factory=History)
    energies: tuple[float, ...] = ()
    """Energies of the last solve [mJ], the first at its start."""
    converged: bool = True
    """Whether the last solve converged."""
    diverged: bool = False
    """Whether the last solve failed; `positions` and `controls` are then those before it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """The tissue of one identity, its muscles, jaw and lids; made by `build_face`."""

    rig: Rig
    """The identity."""
    mean: Rig
    """ICT-FaceKit's mean face, on which muscles and depths are tabulated."""
    mesh: FaceMesh
    layers: Layers
    tissue: Tissue
    table: tuple[Muscle, ...]
    fibres: Fibres
    origins: Origins
    jaw: Jaw
    jaw_bone: Float[np.ndarray, "N"]
    """1 for simulated vertices whose bone is the mandible, 0 for the skull."""
    share: Float[np.ndarray, "V"]
    """`jaw.jaw_share` of the rig."""
    lips: Lips
    settings: TissueSettings

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """Names of the controls: 26 muscles of the left side ("zygomaticus_major_left"), of the right, and the jaw."""
        return (
            *(f"{m.name}_left" for m in self.table),
            *(f"{m.name}_right" for m in self.table),
            *CONTROLS_OF_JAW,
        )

    @cached_property
    def rest(self) -> Float[np.ndarray, "N 3"]:
        """Epidermis, then fascia, at rest [mm]."""
        return np.concatenate([self.layers.skin, self.layers.fascia])

    @cached_property
    def preconditioner(self) -> Preconditioner:
        """The factored Hessian at rest."""
        t = self.tissue
        model = Model(rest=self.rest, terms=self._passive)
        return precondition(model, (t.springs, t.prisms, t.bending, t.ties, t.plates))

    @cached_property
    def upsampling(self) -> Upsampling:
        """From simulated vertices to the whole rig."""
        return Upsampling(self.rig, self.mesh.vertices, self.share)

    @cached_property
    def _passive(self) -> tuple[Any, ...]:
        t = self.tissue
        return (t.springs, t.prisms, t.bending, t.ties, t.plates, t.skull, t.eyes)

    def state(self) -> State:
        """The face at rest."""
        return State(positions=self.rest.copy(), controls=np.zeros(len(self.controls)))

    def with_muscles(self, table: tuple[Muscle, ...]) -> "Face":
        """The same tissue with other muscles."""
        mean, triangles = self.mean.neutral.vertices.astype(np.float64), _narrow(self.rig)
        own = self.rig.neutral.vertices.astype(np.float64)
        fibres, origins = attach(table, self.layers, self.mesh, mean, own, triangles)
        out = replace(self, table=table, fibres=fibres, origins=origins)
        # the tissue at rest, and with it both factors, does not depend on the muscles
        for name in ("preconditioner", "upsampling"):
            if name in vars(self):
                vars(out)[name] = vars(self)[name]
        return out

    def control(self, values: Mapping[str, float]) -> Float[np.ndarray, "C"]:
        """Controls from names; a muscle named without its side stands for both. Values are in [0, 1].

        Raises MienError for an unknown name, or a value that is not finite or outside [0, 1].
        """
        out, at = np.zeros(len(self.controls)), {name: i for i, name in enumerate(self.controls)}
        for name, value in values.items():
            names = [name] if name in at else [f"{name}_left", f"{name}_right"]
            if names[0] not in at:
                raise MienError(f"there is no muscle '{name}'; use one of: {', '.join(m.name for m in self.table)}")
            for each in names:
                out[at[each]] = value
        return self._checked(out)

    def _checked(self, controls: Float[np.ndarray, "C"]) -> np.ndarray:
        controls = np.asarray(controls, np.float64)
        if controls.shape != (len(self.controls),):
            raise ValueError(f"controls have shape {controls.shape}, not ({len(self.controls)},)")
        if not np.isfinite(controls).all() or (controls < 0).any() or (controls > 1).any():
            bad = int(np.flatnonzero(~(np.isfinite(controls) & (controls >= 0) & (controls <= 1)))[0])
            raise MienError(f"activation {controls[bad]:g} of {self.controls[bad]} is not in [0, 1]")
        return controls

    def solve(self, state: State, controls: Float[np.ndarray, "C"], settings: Settings | None = None) -> Solution:
        """Bring `state` into equilibrium with `controls`, from where it is; it keeps its positions on divergence.

        Raises MienError when an activation is not in [0, 1].
        """
        controls = self._checked(controls)
        done = self._step(state, controls, settings, _HALVINGS)
        if done.diverged:
            state.history = History()
        return done

    def _step(
        self, state: State, controls: Float[np.ndarray, "C"], settings: Settings | None, halvings: int
    ) -> Solution:
        """One solve from positions that are moved along with bones and plates; in two steps where these go too far."""
        self._apply(state.controls)
        before = self._carried()
        self._apply(controls)
        start = state.positions + (self._carried() - before)
        lips = self.lips.contact(start, self.rest, self.settings.contact)
        model = Model(rest=self.rest, terms=(*self._passive, lips, self.fibres))
        if halvings and model.energy(start, np.empty_like(start)) == np.inf:
            first = self._step(state, (state.controls + controls) / 2, _ON_THE_WAY, halvings - 1)
            return first if first.diverged else self._step(state, controls, settings, halvings - 1)
        done = minimise(model, start, self.preconditioner, settings, state.history)
        state.energies, state.converged, state.diverged = done.energies, done.converged, done.diverged
        if not done.diverged:
            state.positions, state.controls = done.positions, controls
        return done

    def _carried(self) -> Float[np.ndarray, "N 3"]:
        """How far jaw and plates, where they are now, would carry each vertex that is fixed to them [mm]."""
        t = self.tissue
        shift = t.ties.targets - t.tie_rest
        out = np.concatenate([shift, shift])
        rest = np.concatenate([lids.points for lids in t.lids])
        out[t.plates.index] = t.plates.targets - rest
        return out

    def pose(self, controls: Float[np.ndarray, "C"], rounds: int = 3) -> State:
        """The equilibrium of controls from rest; the contact of the lips is found anew in each of `rounds` solves."""
        state = self.state()
        for _ in range(rounds):
            self.solve(state, controls)
        return state

    def skin(self, state: State) -> Float[np.ndarray, "N 3"]:
        """Displacement of the simulated skin [mm]."""
        return (state.positions - self.rest)[: len(self.layers.skin)]

    def vertices(self, state: State) -> Float[np.ndarray, "V 3"]:
        """All vertices of the rig [mm], without gaze and head pose."""
        x = self.rig.neutral.vertices.astype(np.float64)
        return x + self.upsampling(self.skin(state), self.jaw.moved(x, *self._jaw(state.controls)))

    def sequence(self, states: list[State], times: Float[np.ndarray, "T"]) -> MeshSequence:
        """A mesh sequence of states at times [s]."""
        frames = np.stack([self.vertices(state) for state in states]).astype(np.float32)
        return MeshSequence(times=times, vertices=frames, topology=self.rig.neutral.topology)

    def _jaw(self, controls: np.ndarray) -> tuple[float, float, float]:
        opening, forward, left, right = controls[-4:].tolist()
        return opening, forward, left - right

    def _apply(self, controls: np.ndarray) -> None:
        """Set activations, and move bones and plates."""
        t, jaw = self.tissue, self._jaw(controls)
        self.fibres.activations[:] = controls[:-4]
        bone = self.jaw_bone[:, None]
        t.ties.targets[:] = t.tie_rest + bone * self.jaw.moved(t.tie_rest, *jaw)
        chosen = t.skull.index - len(self.layers.skin)
        t.skull.centers[:] = t.skull_rest + bone[chosen] * self.jaw.moved(t.skull_rest, *jaw)
        self.fibres.offsets[:] = self.origins.rest + self.origins.jaw[:, None] * self.jaw.moved(self.origins.rest, *jaw)
        half, start = len(self.table), 0
        for side, lids in enumerate(t.lids):
            levels = {m.lid: controls[side * half + i] for i, m in enumerate(self.table) if m.lid}
            stop = start + len(lids.members)
            t.plates.targets[start:stop] = lids.targets(
                *(levels.get(name, 0.0) for name in ("blink", "squint", "wide"))
            )
            start = stop


def build_face(
    rig: Rig,
    mean: Rig | None = None,
    *,
    count: int = 2000,
    settings: TissueSettings | None = None,
    table: tuple[Muscle, ...] | None = None,
) -> Face:
    """The simulated face of an identity of ICT-FaceKit.

    Args:
        rig: the identity (`Rig.with_identity`).
        mean: ICT-FaceKit's mean face, on which muscles and depths are tabulated; `rig` itself when None.
        count: about how many vertices each layer has.
        settings: the tissue's constants.
        table: the muscles of one side; the table of mien when None.

    Raises MienError when the rig has not ICT-FaceKit's topology.
    """
    mean, settings, table = rig if mean is None else mean, settings or TissueSettings(), table or muscles()
    mesh = face_mesh(mean, count)
    if len(rig.neutral.vertices) != len(mean.neutral.vertices):
        raise MienError(f"rig '{rig.name}' has not ICT-FaceKit's topology, which the simulated face is built on")
    neighbours = _neighbours(mesh)
    layer = layers(mean, rig, mesh, neighbours)
    mean_skin = mean.neutral.vertices.astype(np.float64)
    jaw = find_jaw(rig)
    share = jaw_share(rig, jaw)
    low, high = _JAW_BONE
    t = np.clip((share[mesh.vertices] - low) / (high - low), 0.0, 1.0)
    own = rig.neutral.vertices.astype(np.float64)
    fibres, origins = attach(table, layer, mesh, mean_skin, own, _narrow(rig))
    return Face(
        rig=rig,
        mean=mean,
        mesh=mesh,
        layers=layer,
        tissue=build_tissue(layer, regions(mean_skin[mesh.vertices], mesh), mesh, rig, settings),
        table=table,
        fibres=fibres,
        origins=origins,
        jaw=jaw,
        jaw_bone=t * t * (3 - 2 * t),
        share=share,
        lips=find_lips(mean_skin[mesh.vertices], mesh),
        settings=settings,
    )


def _narrow(rig: Rig) -> np.ndarray:
    """Triangles of the skin that muscles are placed on."""
    triangles = np.asarray(rig.neutral.topology.triangles)
    return triangles[(triangles < len(rig.neutral.topology.groups["face_narrow"])).all(axis=1)]


def _neighbours(mesh: FaceMesh) -> list[np.ndarray]:
    around: list[set[int]] = [set() for _ in mesh.vertices]
    for a, b, c in mesh.triangles.tolist():
        around[a].update((b, c))
        around[b].update((a, c))
        around[c].update((a, b))
    return [np.array(sorted(s)) for s in around]
