"""Registered 4D sequences with timing of 180 people, who each show six expressions in a way of their own.

Weights and styles are stored (a few megabytes for all people); `ExpressiveFace` computes the vertices, which are not
linear in the weights. The local size and slant of each face transform the displacements; skin stretches less the
further it is pulled and slides along the curve of its own face; the jaw moves on an arc; and cheeks, glabella, forehead
and chin bulge when two muscles press on them, fuller ones more. A generator therefore needs the neutral face, as it
does for scans.

Strength and speed of an expression partly determine its form: units that are always present grow in proportion, others
join late (an open-mouthed smile is a broad one), and the last muscle follows the first by a share of the onset. The
rest is a person's habit, the same in every take, which cannot be predicted from the neutral face. Where two expressions
overlap, each muscle follows the stronger of them. Everything depends on (seed, number) alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.core import ARKIT, MienError
from mien.core.mesh import vertex_normals
from mien.io import npz
from mien.rigs.ict_topology import FACE
from mien.synth.motion.expressions import EMOTIONS, EXPRESSIONS
from mien.synth.motion.groups import expand
from mien.synth.performer import identity_coefficients

__all__ = [
    "EMOTIONS",
    "FPS",
    "FRAMES",
    "SUBJECTS",
    "TRAIN_SUBJECTS",
    "ExpressiveFace",
    "Style",
    "Takes",
    "perform",
    "pulse_at",
    "read_subject",
    "sample_takes",
    "subject_style",
    "write_expressions",
]

SUBJECTS, TRAIN_SUBJECTS = 180, 153
"""Numbers of subjects, as Potamias et al. 2020 use of 4DFAB; the first 153 train, the last 27 test (section 4)."""
FPS = 30.0
FRAMES = 60
VERSION = 4
_KIND = "mien.expressions"

_LATE = 0.2
"""Largest delay of one muscle behind the first as a share of the onset (co-articulation; Schmidt, Cohn & Tian 2003
report up to 0.1 s at onsets of half a second)."""
_CORE = 0.3
"""A unit whose range in the prototype starts at this or higher is always shown; one that starts lower joins late."""
_PHASES = ((0.1, 0.3), (0.25, 0.55), (0.15, 0.5), (0.25, 0.5))
"""Shortest and longest duration [s] of: rest before the onset, onset, apex, offset."""
_LAST = 1.85
"""Latest end of an expression [s], so that it also ends within a take with the last muscle's delay."""
_HABIT = (0.2, 0.8)
"""Part of a prototype's range in which people differ at full strength; the whole range is for all intensities."""
_TIGHTEST = 1.0 / 40.0
"""Largest curvature along which skin slides [1/mm]; the sharper bends of lips, lids and nose tip are limited to it."""
_EVENED = 10
"""Times that the maps from face to face are averaged with their neighbours'. Without, an open mouth was 1.7 times as
rough around the lips as the rig's own (mean Laplacian, six people), and its corners crumpled; with them, 1.15 times."""
_JAW_ANGLE = np.radians(25.0)
"""Rotation of the jaw at jawOpen 1: ICT's chin goes 42 mm down and back at 95 mm from the condyle."""
_CONDYLE = np.array([0.0, -10.0, 10.0])
"""Middle of the jaw joints on ICT's mean face [mm], in front of the ear canals."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Style:
    """How one person shows one expression."""

    level: Float[np.ndarray, "52"]
    """Weights at a full apex: which units take part, how strongly, and how unevenly left and right."""
    recruit: Float[np.ndarray, "52"]
    """At strength s a channel has its level times s to this power: 1 is proportional, and channels that join late have
    more."""
    delay: Float[np.ndarray, "52"]
    """Delay of each channel behind the first, as a share of the onset."""
    ease: float
    """Exponent of the ramps: 1 rises linearly, more starts slowly."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Takes:
    """The takes of one subject."""

    subject: int
    coefficients: Float[np.ndarray, "M"]
    """Coefficients of the identity modes."""
    times: Float[np.ndarray, "T"]
    """Times of the frames, the same in every take [s]."""
    weights: Float[np.ndarray, "N T 52"]
    expression: Int[np.ndarray, "N"]
    """Index into EMOTIONS."""
    timing: Float[np.ndarray, "N 4"]
    """Start of the onset, start and end of the apex, end of the offset [s]."""
    apex_mm: Float[np.ndarray, "N"]
    """Mean displacement of the face in the middle of the apex [mm]; for a blend, that of its first expression alone."""
    second: Int[np.ndarray, "N"]
    """The second expression of a blend; -1 for none. Its timing and apex follow, zeros for none."""
    second_timing: Float[np.ndarray, "N 4"]
    second_apex_mm: Float[np.ndarray, "N"]


def pulse_at(
    times: Float[np.ndarray, "*batch"], timing: Float[np.ndarray, "4"], ease: float = 1.0
) -> Float[np.ndarray, "*batch"]:
    """A pulse from 0 to 1 and back to 0; its ramps are linear for `ease` 1, else s-shaped."""
    start, full, end, over = timing
    up = np.clip((times - start) / (full - start), 0.0, 1.0)
    down = np.clip((over - times) / (over - end), 0.0, 1.0)
    x = np.minimum(up, down)
    return x if ease == 1.0 else x**ease / (x**ease + (1 - x) ** ease)


def subject_style(seed: int, number: int, expression: str) -> Style:
    """The style of a person, the same in every take."""
    rng = np.random.default_rng([0xE5, seed, number, EMOTIONS.index(expression)])
    level, recruit, delay = np.zeros(len(ARKIT)), np.ones(len(ARKIT)), np.zeros(len(ARKIT))
    units = EXPRESSIONS[expression]
    for place, (stem, (low, high)) in enumerate(units.items()):
        strength = low + (high - low) * rng.uniform(*_HABIT)
        # Units in the prototype's order; about half of the delay differs from person to person.
        late = _LATE * (0.5 * place / (len(units) - 1) + rng.uniform(0.0, 0.5))
        lean = np.clip(rng.normal(0.0, 0.12), -0.3, 0.3)  # smiles differ by about a tenth between sides
        for channel in expand(stem):
            at = ARKIT.index(channel)
            side = 1.0 + lean * (channel.endswith("Left") - channel.endswith("Right"))
            level[at], delay[at] = min(strength * side, 1.0), late
            recruit[at] = 1.0 + 1.5 * max(0.0, 1.0 - low / _CORE)
    return Style(level=level, recruit=recruit, delay=delay, ease=float(rng.uniform(1.4, 2.4)))


def sample_takes(seed: int, number: int, per_expression: int, blends: int = 0) -> Takes:
    """`per_expression` takes of every expression, each from neutral to neutral within FRAMES, then `blends` takes of
    two overlapping ones: the second starts between the first's onset and the end of its apex."""
    rng = np.random.default_rng([0xE6, seed, number])
    times = np.arange(FRAMES) / FPS
    styles = [subject_style(seed, number, name) for name in EMOTIONS]
    face = ExpressiveFace(identity_coefficients(seed, number))

    def show(rng: np.random.Generator, label: int, timing: np.ndarray) -> tuple[np.ndarray, float]:
        weights = perform(rng, styles[label], times, timing)
        middle = round(float(timing[1:3].mean()) * FPS)
        apex = face.displacements(weights[[middle]].astype(np.float32))[0]
        return weights, float(np.linalg.norm(apex, axis=1).mean())

    rows = []
    for label in np.repeat(np.arange(len(EMOTIONS)), per_expression).tolist():
        timing = np.cumsum([rng.uniform(*span) for span in _PHASES])
        rows.append((*show(rng, label, timing), label, timing, -1, np.zeros(4), 0.0))
    rng = np.random.default_rng([0xE7, seed, number])
    for _ in range(blends):
        label, second = rng.choice(len(EMOTIONS), 2, replace=False).tolist()
        timing, joins = (np.cumsum([rng.uniform(*span) for span in _PHASES]) for _ in range(2))
        joins += rng.uniform(timing[0], min(timing[2], _LAST - joins[3] + joins[0])) - joins[0]
        (own, apex), (other, second_apex) = show(rng, label, timing), show(rng, second, joins)
        rows.append((np.maximum(own, other), apex, label, timing, second, joins, second_apex))
    weights, apexes, labels, timings, seconds, second_timings, second_apexes = zip(*rows, strict=True)
    return Takes(
        subject=number,
        coefficients=identity_coefficients(seed, number),
        times=times,
        weights=np.stack(weights).astype(np.float32),
        expression=np.array(labels),
        timing=np.stack(timings),
        apex_mm=np.array(apexes),
        second=np.array(seconds),
        second_timing=np.stack(second_timings),
        second_apex_mm=np.array(second_apexes),
    )


def perform(
    rng: np.random.Generator, style: Style, times: Float[np.ndarray, "T"], timing: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "T 52"]:
    """One take in a style; its strength and the small differences between takes are drawn."""
    strength = rng.uniform(0.4, 1.0) ** style.recruit
    onset = timing[1] - timing[0]
    ramp = np.stack([pulse_at(times - late * onset, timing, style.ease) for late in style.delay], axis=1)
    # An apex is never perfectly still: a slow tremor of a few percent.
    phase, rate = rng.uniform(0, 2 * np.pi, len(ARKIT)), rng.uniform(0.5, 2.0, len(ARKIT))
    tremor = 1.0 + 0.03 * np.sin(2 * np.pi * rate * times[:, None] + phase)
    return np.clip(strength * style.level * rng.normal(1.0, 0.06, len(ARKIT)) * ramp * tremor, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Anatomy:
    """Data of the mean face's region that all faces share."""

    neutral: np.ndarray
    triangles: np.ndarray
    modes: np.ndarray
    skin: np.ndarray
    """Shapes of the soft channels [52, V * 3]; those of the jaw are zero."""
    jaw: np.ndarray
    """Shapes of the jaw channels [52, V * 3]."""
    bulges: tuple[tuple[str, str, float, np.ndarray], ...]
    """Two channels, the bulge's height [mm] when both are 1, and its place [V]."""
    edges: np.ndarray


@cache
def _anatomy() -> _Anatomy:
    from mien.rigs.ict import load_ict

    rig = load_ict()
    if rig.identity_modes is None:
        raise MienError("the ICT rig has no identity modes; download it again with `mien assets get ict`")
    triangles = rig.neutral.topology.triangles
    triangles = triangles[(triangles < FACE).all(axis=1)]
    shapes = rig.basis()[:, :FACE]
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
    """The face region of one identity."""

    def __init__(self, coefficients: Float[np.ndarray, "M"]) -> None:
        shared = _anatomy()
        self._shared = shared
        offset = np.tensordot(coefficients.astype(np.float32), shared.modes[: len(coefficients)], axes=1)
        self.neutral: Float[np.ndarray, "V 3"] = shared.neutral + offset
        self._normals = vertex_normals(self.neutral, shared.triangles)
        along = self.neutral[shared.edges[:, 1]] - self.neutral[shared.edges[:, 0]]
        before = shared.neutral[shared.edges[:, 1]] - shared.neutral[shared.edges[:, 0]]
        self.maps: Float[np.ndarray, "V 3 3"] = _local_maps(before, along, shared.edges, len(self.neutral), np.eye(3))
        """Maps from displacements of the mean face to those of this face."""
        turn = self._normals[shared.edges[:, 1]] - self._normals[shared.edges[:, 0]]
        bend = _local_maps(along, turn, shared.edges, len(self.neutral), np.zeros((3, 3)))
        size = np.linalg.norm(bend, axis=(1, 2), keepdims=True)
        self._bend = bend * np.minimum(1.0, _TIGHTEST / np.maximum(size, 1e-9)).astype(np.float32)
        # Fullness of a region: mean distance outwards from the mean face, in deviations over people (about 3 mm).
        out = (offset * vertex_normals(shared.neutral, shared.triangles)).sum(1) / 3.0
        self._bulges: Float[np.ndarray, "P V"] = np.stack(
            [
                np.float32(height * np.clip(1.0 + 0.6 * (out * where).sum() / where.sum(), 0.2, 2.5)) * where
                for _, _, height, where in shared.bulges
            ]
        )
        self.give = float(22.0 * np.exp(0.35 * np.tanh(out.mean())))
        """Displacement [mm] that resistance reduces to 1/sqrt(2) of the linear one; fuller faces stretch further."""

    @property
    def triangles(self) -> Int[np.ndarray, "F 3"]:
        """Triangles of the face region."""
        return self._shared.triangles

    def displacements(self, weights: Float[np.ndarray, "T 52"]) -> Float[np.ndarray, "T V 3"]:
        """Displacements from the neutral [mm], float32."""
        weights, shared = np.asarray(weights, np.float32), self._shared
        used = np.flatnonzero(weights.any(axis=0))
        w = weights[:, used]
        skin = _apply(self.maps, w @ shared.skin[used])
        skin /= np.sqrt(1.0 + (skin**2).sum(axis=2, keepdims=True) / np.float32(self.give**2))
        # Skin that slides by s along a face of curvature S stays on it: it sinks by s S s / 2 below the tangent.
        sinks = (_apply(self._bend, skin) * skin).sum(axis=2, keepdims=True)
        skin -= np.float32(0.5) * sinks * self._normals
        moved = skin + self._jaw(weights)
        both = np.stack([weights[:, ARKIT.index(a)] * weights[:, ARKIT.index(b)] for a, b, *_ in shared.bulges], axis=1)
        if both.any():
            moved += (both @ self._bulges)[:, :, None] * self._normals
        return moved

    def _jaw(self, weights: np.ndarray) -> np.ndarray:
        """Displacements by the rigid jaw: its shapes, plus the arc that linear shapes lack."""
        bones = [c for c, name in enumerate(ARKIT) if name.startswith("jaw")]
        if not weights[:, bones].any():
            return np.zeros((len(weights), FACE, 3), np.float32)
        moved = _apply(self.maps, weights[:, bones] @ self._shared.jaw[bones])
        opened = weights[:, ARKIT.index("jawOpen")]
        return moved + (4 * opened * (1 - opened))[:, None, None] * self._sagitta

    @cached_property
    def _sagitta(self) -> Float[np.ndarray, "V 3"]:
        """Displacement of a half-open jaw's arc from the straight path [mm]."""
        chord = self._shared.jaw[ARKIT.index("jawOpen")].reshape(-1, 3)
        away = self.neutral + chord / 2 - _CONDYLE.astype(np.float32)
        length = np.linalg.norm(chord, axis=1, keepdims=True)
        along = chord / np.maximum(length, 1e-6)
        away -= (away * along).sum(1, keepdims=True) * along
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        return np.float32(0.5 * np.tan(_JAW_ANGLE / 4)) * length * away


def _apply(maps: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Apply maps [V, 3, 3] to vectors [T, V * 3] or [T, V, 3]."""
    x = np.ascontiguousarray(vectors.reshape(len(vectors), -1, 3).transpose(2, 0, 1))
    m = np.ascontiguousarray(maps.transpose(1, 2, 0))
    # One coordinate at a time for all vertices is ten times as fast as einsum over triples.
    return np.stack([row[0] * x[0] + row[1] * x[1] + row[2] * x[2] for row in m]).transpose(1, 2, 0)


def _local_maps(a: np.ndarray, b: np.ndarray, edges: np.ndarray, count: int, rest: np.ndarray) -> np.ndarray:
    """Per vertex, the linear map [3, 3] that best takes `a` [E, 3] to `b` [E, 3] on the edges around (two rings).

    Least squares, regularised towards `rest`, since a flat ring does not constrain the direction of its normal.
    """
    from scipy.sparse import csr_matrix

    gather = csr_matrix(
        (np.ones(len(edges), np.float32), (edges[:, 0], np.arange(len(edges)))), shape=(count, len(edges))
    )
    ring = csr_matrix((np.ones(len(edges), np.float32), (edges[:, 0], edges[:, 1])), shape=(count, count))
    cross = gather @ np.einsum("ei,ej->eij", b, a).reshape(-1, 9)
    own_moment = gather @ np.einsum("ei,ej->eij", a, a).reshape(-1, 9)
    for _ in range(2):
        cross, own_moment = cross + ring @ cross, own_moment + ring @ own_moment
    scale = own_moment[:, [0, 4, 8]].sum(1)[:, None, None] / 3
    left = cross.reshape(-1, 3, 3) + 0.1 * scale * rest
    right = own_moment.reshape(-1, 3, 3) + 0.1 * scale * np.eye(3, dtype=np.float32)
    maps = (left @ np.linalg.inv(right)).reshape(count, 9).astype(np.float32)
    neighbours = np.maximum(np.asarray(ring.sum(axis=1)), 1.0)
    for _ in range(_EVENED):
        maps = 0.5 * maps + 0.5 * (ring @ maps) / neighbours
    return maps.reshape(count, 3, 3).astype(np.float32)


def write_expressions(
    out: Path,
    *,
    subjects: int = SUBJECTS,
    per_expression: int = 2,
    blends: int = 4,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write one file per subject; existing files are kept. Raises MienError when the folder cannot be written,
    `subjects` or `per_expression` is not positive, or `blends` is negative."""
    if subjects < 1 or per_expression < 1 or blends < 0:
        raise MienError("subjects and takes per expression must each be at least 1, blends at least 0")
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MienError(f"cannot make the folder {out}: {error.strerror}; choose another place") from error
    asked = {"seed": seed, "per_expression": per_expression, "blends": blends}
    for number in range(subjects):
        path = out / f"subject-{number:04d}.npz"
        if path.exists():
            meta, _ = npz.load(path, _KIND, VERSION, "subject's expressions")
            if any(meta[name] != value for name, value in asked.items()):
                raise MienError(f"{path} was made with another seed or number of takes; choose another folder")
        else:
            takes = sample_takes(**asked, number=number)
            arrays = {k: np.asarray(v) for k, v in vars(takes).items() if k != "subject"}
            npz.save(path, _KIND, VERSION, {"subject": number, **asked}, arrays)
        if progress:
            progress(number + 1, subjects)


def read_subject(path: Path) -> Takes:
    """Read what `write_expressions` wrote; raises MienError when the file is missing, damaged or not such a file."""
    meta, arrays = npz.load(path, _KIND, VERSION, "subject's expressions")
    try:
        return Takes(subject=int(meta["subject"]), **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise MienError(f"{path} is damaged: {error}") from error
