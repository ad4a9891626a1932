"""180 people who each show six expressions in a way of their own: registered 4D sequences with their timing.

What is stored are weights and styles (a few megabytes for everybody); `ExpressiveFace` makes the vertices, and is not
linear in the weights: local size and slant of each face carry the displacements, skin gives out as it stretches, the
jaw swings on an arc, and cheeks, glabella, forehead and chin bulge when two muscles press on them, the more the fuller
they are. So a generator must know the neutral face to be right, as on scans. All depends on (seed, number) alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT, MienError
from mien.core.mesh import vertex_normals
from mien.io import npz
from mien.synth.motion.expressions import EMOTIONS, EXPRESSIONS
from mien.synth.motion.groups import expand
from mien.synth.performer import identity_coefficients

__all__ = [
    "EMOTIONS",
    "FACE",
    "FPS",
    "FRAMES",
    "SUBJECTS",
    "TRAIN_SUBJECTS",
    "ExpressiveFace",
    "Style",
    "Takes",
    "pulse_at",
    "read_subject",
    "sample_takes",
    "subject_style",
    "write_expressions",
]

SUBJECTS, TRAIN_SUBJECTS = 180, 153
"""Subjects of 4DFAB as Potamias et al. 2020 use it; the first 153 train, the last 27 test (section 4)."""
FPS = 30.0
FRAMES = 60
FACE = 9409
"""Vertices of ICT-FaceKit's face region."""
VERSION = 1
_KIND = "mien.expressions"

_LATE = 0.08
"""Largest delay of one muscle behind another [s] (co-articulation; Schmidt, Cohn & Tian 2003 report up to 0.1 s)."""
_JAW_ANGLE = np.radians(25.0)
"""Turn of the jaw at jawOpen 1: ICT's chin goes 42 mm down and back at 95 mm from the condyle."""
_CONDYLE = np.array([0.0, -10.0, 10.0])
"""Middle of the jaw joints on ICT's mean face [mm], in front of the ear canals."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Style:
    """How one person shows one expression."""

    level: Float[np.ndarray, "52"]
    """Weights at a full apex: which units take part, how strongly, left against right."""
    delay: Float[np.ndarray, "52"]
    """Of each channel behind the first [s]."""
    ease: float
    """Exponent of the ramps: 1 rises evenly, more starts slowly."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Takes:
    """What one subject performed."""

    subject: int
    coefficients: Float[np.ndarray, "M"]
    """Of the identity modes."""
    times: Float[np.ndarray, "T"]
    """Of every take [s]."""
    weights: Float[np.ndarray, "N T 52"]
    expression: Int[np.ndarray, "N"]
    """Index into EMOTIONS."""
    timing: Float[np.ndarray, "N 4"]
    """Start of the onset, start and end of the apex, end of the offset [s]."""
    apex_mm: Float[np.ndarray, "N"]
    """Mean displacement of the face in the middle of the apex [mm]."""


def pulse_at(
    times: Float[np.ndarray, "*batch"], timing: Float[np.ndarray, "4"], ease: float = 1.0
) -> Float[np.ndarray, "*batch"]:
    """0 before, up to 1, at 1, down to 0; straight ramps for `ease` 1, else s-shaped."""
    start, full, end, over = timing
    up = np.clip((times - start) / (full - start), 0.0, 1.0)
    down = np.clip((over - times) / (over - end), 0.0, 1.0)
    x = np.minimum(up, down)
    return x if ease == 1.0 else x**ease / (x**ease + (1 - x) ** ease)


def subject_style(seed: int, number: int, expression: str) -> Style:
    """The habits of a person, the same in every take."""
    rng = np.random.default_rng([0xE5, seed, number, EMOTIONS.index(expression)])
    level, delay = np.zeros(len(ARKIT)), np.zeros(len(ARKIT))
    for stem, (low, high) in EXPRESSIONS[expression].items():
        strength = rng.uniform(low, high)
        late = rng.uniform(0.0, _LATE)
        lean = np.clip(rng.normal(0.0, 0.12), -0.3, 0.3)  # smiles differ by about a tenth between sides
        for channel in expand(stem):
            side = 1.0 + lean * (channel.endswith("Left") - channel.endswith("Right"))
            level[ARKIT.index(channel)] = min(strength * side, 1.0)
            delay[ARKIT.index(channel)] = late
    return Style(level=level, delay=delay, ease=float(rng.uniform(1.4, 2.4)))


def sample_takes(seed: int, number: int, per_expression: int) -> Takes:
    """Every expression `per_expression` times, each from neutral to neutral within FRAMES."""
    rng = np.random.default_rng([0xE6, seed, number])
    times = np.arange(FRAMES) / FPS
    styles = [subject_style(seed, number, name) for name in EMOTIONS]
    weights, timings, labels = [], [], []
    for label, style in enumerate(styles):
        for _ in range(per_expression):
            timing = np.cumsum([rng.uniform(*span) for span in ((0.1, 0.3), (0.25, 0.6), (0.15, 0.5), (0.25, 0.5))])
            weights.append(_perform(rng, style, times, timing))
            timings.append(timing)
            labels.append(label)
    face = ExpressiveFace(identity_coefficients(seed, number))
    middle = np.rint(np.stack(timings)[:, 1:3].mean(axis=1) * FPS).astype(int)
    apex = face.displacements(np.stack(weights)[np.arange(len(weights)), middle])
    return Takes(
        subject=number,
        coefficients=identity_coefficients(seed, number),
        apex_mm=np.linalg.norm(apex, axis=2).mean(axis=1),
        times=times,
        weights=np.stack(weights).astype(np.float32),
        expression=np.array(labels),
        timing=np.stack(timings),
    )


def _perform(rng: np.random.Generator, style: Style, times: np.ndarray, timing: np.ndarray) -> np.ndarray:
    strength = rng.uniform(0.55, 1.0)
    ramp = np.stack([pulse_at(times - late, timing, style.ease) for late in style.delay], axis=1)
    # Nobody holds an expression still: slow tremor of a few percent, only while it is shown.
    phase, rate = rng.uniform(0, 2 * np.pi, len(ARKIT)), rng.uniform(0.5, 2.0, len(ARKIT))
    tremor = 1.0 + 0.03 * np.sin(2 * np.pi * rate * times[:, None] + phase)
    return np.clip(strength * style.level * rng.normal(1.0, 0.06, len(ARKIT)) * ramp * tremor, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Anatomy:
    """What all faces share, of the mean face's region."""

    neutral: np.ndarray
    triangles: np.ndarray
    modes: np.ndarray
    skin: np.ndarray
    """Shapes of the soft channels [52, V * 3]; those of the jaw are zero."""
    jaw: np.ndarray
    """Shapes of the jaw channels [52, V * 3]."""
    bulges: tuple[tuple[str, str, float, np.ndarray], ...]
    """Two channels, height [mm] when both are full, and where [V]."""
    edges: np.ndarray


@cache
def _anatomy() -> _Anatomy:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    if rig.identity_modes is None:
        raise MienError("the ICT rig has no identity modes; download it again with `mien assets get ict`")
    triangles = rig.neutral.topology.triangles
    triangles = triangles[(triangles < FACE).all(axis=1)]
    shapes = np.zeros((len(ARKIT), FACE, 3), np.float32)
    for channel, name in enumerate(ARKIT):
        if name in rig.shape_names:
            shapes[channel] = rig.shape(name)[:FACE]
    bony = np.array([name.startswith("jaw") for name in ARKIT])

    def where(*names: str) -> np.ndarray:
        size = [np.linalg.norm(shapes[ARKIT.index(name)], axis=1) for name in names]
        return np.sqrt(np.prod([s / s.max() for s in size], axis=0)).astype(np.float32)

    pairs = [("browDownLeft", "browDownRight", 2.0), ("browInnerUp", "browOuterUpLeft", 1.0)]
    pairs += [("browInnerUp", "browOuterUpRight", 1.0)]
    for side in ("Left", "Right"):
        pairs += [(f"mouthSmile{side}", f"cheekSquint{side}", 5.0), (f"noseSneer{side}", f"mouthUpperUp{side}", 2.0)]
        pairs += [("mouthShrugLower", f"mouthFrown{side}", 2.0), (f"mouthStretch{side}", "jawOpen", -2.0)]
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return _Anatomy(
        neutral=rig.neutral.vertices[:FACE].astype(np.float32),
        triangles=triangles,
        modes=rig.identity_modes[:, :FACE].astype(np.float32),
        skin=np.where(bony[:, None, None], 0, shapes).reshape(len(ARKIT), -1),
        jaw=np.where(bony[:, None, None], shapes, 0).reshape(len(ARKIT), -1),
        bulges=tuple((a, b, height, where(a, b)) for a, b, height in pairs),
        edges=np.concatenate([edges, edges[:, ::-1]]),
    )


class ExpressiveFace:
    """One identity's face region."""

    def __init__(self, coefficients: Float[np.ndarray, "M"]) -> None:
        shared = _anatomy()
        self._shared = shared
        offset = np.tensordot(coefficients.astype(np.float32), shared.modes[: len(coefficients)], axes=1)
        self.neutral: Float[np.ndarray, "V 3"] = shared.neutral + offset
        self._normals = vertex_normals(self.neutral, shared.triangles)
        self._frames = _local_maps(shared.neutral, self.neutral, shared.edges)
        # Fullness of a region: how far it stands out from the mean face, in its spread over people (about 3 mm).
        out = (offset * vertex_normals(shared.neutral, shared.triangles)).sum(1) / 3.0
        self._gains = [
            height * float(np.clip(1.0 + 0.6 * (out * where).sum() / where.sum(), 0.2, 2.5))
            for _, _, height, where in shared.bulges
        ]
        self.give = float(22.0 * np.exp(0.35 * np.tanh(out.mean())))
        """Displacement at which the skin has given out to 1/sqrt(2) of the pull [mm]: fuller faces stretch further."""

    @property
    def triangles(self) -> Int[np.ndarray, "F 3"]:
        """Of the face region."""
        return self._shared.triangles

    def displacements(self, weights: Float[np.ndarray, "T 52"]) -> Float[np.ndarray, "T V 3"]:
        """From the neutral [mm]; float32."""
        weights = np.asarray(weights, np.float32)
        used = np.flatnonzero(weights.any(axis=0))
        w = weights[:, used]
        skin = self._carried(w @ self._shared.skin[used])
        skin /= np.sqrt(1.0 + (skin**2).sum(axis=2, keepdims=True) / np.float32(self.give**2))
        moved = skin + self._jaw(weights)
        for (a, b, _, where), gain in zip(self._shared.bulges, self._gains, strict=True):
            both = weights[:, ARKIT.index(a)] * weights[:, ARKIT.index(b)]
            if both.any():
                moved += both[:, None, None] * (np.float32(gain) * where[:, None] * self._normals)
        return moved

    def _carried(self, flat: np.ndarray) -> np.ndarray:
        return np.einsum("vij,tvj->tvi", self._frames, flat.reshape(len(flat), -1, 3), optimize=True)

    def _jaw(self, weights: np.ndarray) -> np.ndarray:
        """Rigid bone under the skin: jaw shapes, and the arc that a straight shape lacks."""
        bones = [c for c, name in enumerate(ARKIT) if name.startswith("jaw")]
        if not weights[:, bones].any():
            return np.zeros((len(weights), FACE, 3), np.float32)
        moved = self._carried(weights[:, bones] @ self._shared.jaw[bones])
        opened = weights[:, ARKIT.index("jawOpen")]
        chord = self._shared.jaw[ARKIT.index("jawOpen")].reshape(-1, 3)
        away = self.neutral + chord / 2 - _CONDYLE.astype(np.float32)
        length = np.linalg.norm(chord, axis=1, keepdims=True)
        along = chord / np.maximum(length, 1e-6)
        away -= (away * along).sum(1, keepdims=True) * along
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        sagitta = np.float32(0.5 * np.tan(_JAW_ANGLE / 4)) * length * away
        return moved + (4 * opened * (1 - opened))[:, None, None] * sagitta


def _local_maps(mean: np.ndarray, own: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Per vertex, the linear map [3, 3] that best takes the mean face's surroundings to this face's (two rounds wide).

    Least squares over edges, held to the identity where a flat ring says nothing about its normal.
    """
    from scipy.sparse import csr_matrix

    count = len(mean)
    a = mean[edges[:, 1]] - mean[edges[:, 0]]
    b = own[edges[:, 1]] - own[edges[:, 0]]
    gather = csr_matrix(
        (np.ones(len(edges), np.float32), (edges[:, 0], np.arange(len(edges)))), shape=(count, len(edges))
    )
    ring = csr_matrix((np.ones(len(edges), np.float32), (edges[:, 0], edges[:, 1])), shape=(count, count))
    cross = gather @ np.einsum("ei,ej->eij", b, a).reshape(-1, 9)
    own_moment = gather @ np.einsum("ei,ej->eij", a, a).reshape(-1, 9)
    for _ in range(2):
        cross, own_moment = cross + ring @ cross, own_moment + ring @ own_moment
    scale = own_moment[:, [0, 4, 8]].sum(1) / 3
    hold = 0.1 * scale[:, None, None] * np.eye(3, dtype=np.float32)
    left = cross.reshape(-1, 3, 3) + hold
    right = own_moment.reshape(-1, 3, 3) + hold
    return (left @ np.linalg.inv(right)).astype(np.float32)


def write_expressions(
    out: Path,
    *,
    subjects: int = SUBJECTS,
    per_expression: int = 2,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """One file per subject; those that are there are left. Raises MienError when the folder cannot be written or
    `subjects` or `per_expression` is not positive."""
    if subjects < 1 or per_expression < 1:
        raise MienError("subjects and takes per expression must each be at least 1")
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {out}: {error.strerror}; choose another place") from error
    for number in range(subjects):
        path = out / f"subject-{number:04d}.npz"
        if path.exists():
            meta, _ = npz.load(path, _KIND, VERSION, "subject's expressions")
            if (meta["seed"], meta["per_expression"]) != (seed, per_expression):
                raise MienError(f"{path} was made with another seed or number of takes; choose another folder")
        else:
            takes = sample_takes(seed, number, per_expression)
            arrays = {k: np.asarray(v) for k, v in vars(takes).items() if k != "subject"}
            npz.save(path, _KIND, VERSION, {"subject": number, "seed": seed, "per_expression": per_expression}, arrays)
        if progress:
            progress(number + 1, subjects)


def read_subject(path: Path) -> Takes:
    """Read what `write_expressions` wrote; raises MienError when the file is missing, damaged or something else."""
    meta, arrays = npz.load(path, _KIND, VERSION, "subject's expressions")
    try:
        return Takes(subject=int(meta["subject"]), **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise MienError(f"{path} is damaged: {error}") from error
