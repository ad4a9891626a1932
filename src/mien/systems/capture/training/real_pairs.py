"""Pairs of pictures of one real person, as training draws them, with what is known of the change between them.

The true weights of a real face are not known. Between two pictures of one person the shape of the face cancels, though:
the change of the teacher's measures is then a change of expression, which a loss may use.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int

from mien.core.transforms import gaze_from_weights
from mien.engine.photometric import photometric
from mien.systems.capture import spec
from mien.systems.capture.evaluation.face_measures import MEASURES
from mien.systems.capture.training.augment import View, sample_view
from mien.systems.capture.training.moved_faces import FaceMover, draw_change
from mien.systems.capture.training.real_faces import RealFaces
from mien.systems.capture.training.trust import BROWS, HIDDEN_TRUST, LANDMARK_TRUST, covered_share

__all__ = ["FacePair", "FaceView", "PairDrawer", "PairKind"]

_BY_REST, _BY_PERSON, _BY_CLIP = 0.22, 0.08, 0.3
"""Shares, among pairs that are not moved, of a portrait beside one of the same person at rest, of two portraits of a
person, and of two frames of a clip; the others are two views of one picture."""
_FRAME = 0.1
"""Share of the frames of clips among single pictures, which are 1,995 portraits and 1,033 frames of 10 people."""
_CALM_BESIDE = 0.6
"""Share, among pairs of frames, of those whose second frame is a calm one and serves as the face at rest."""
_CALM = 5
"""Frames of a clip that serve as its face at rest: those nearest the clip's median, mouth shut."""
_FEWEST = 8
"""Frames of a clip below which it has no calm ones."""
_SURE, _UNSURE = 0.003, 0.012
"""Spread of a landmark, as a share of the distance of the outer eye corners, up to which it counts in full and beyond
which it is dropped."""
_BROW_TRUST = 0.4
"""Trust in brow landmarks of faces as they are: the teacher's brows are off by 1.2 to 1.6 % of the eye distance from
hand marks, other points by half of that. Brows that were moved have moved by a known amount."""
_ASYMMETRY, _EYES = MEASURES.index("asymmetry"), spec.REGIONS.index("eyes")


class PairKind(IntEnum):
    """What two pictures of a pair are."""

    VIEWS = 0
    """One picture, seen twice."""
    PICTURES = 1
    """Two pictures of one person."""
    MOVED = 2
    """A picture moved by a known change of weights, then as it is (`moved_faces`)."""


@dataclass(frozen=True, kw_only=True)
class FaceView:
    """One picture as the net sees it."""

    crop: np.ndarray
    landmarks: Float[np.ndarray, "L 2"]
    """Pixels of the crop."""
    trust: Float[np.ndarray, "L"]
    seen: Float[np.ndarray, "R"]
    """Share of each of `spec.REGIONS` that no patch covers."""


@dataclass(frozen=True, kw_only=True)
class FacePair:
    """Two pictures of one person and what is known of them, the first less the second."""

    one: FaceView
    other: FaceView
    people: tuple[str, str]
    """Who is shown; the same person twice."""
    kind: PairKind
    other_from_one: Float[np.ndarray, "2 3"]
    """Pixels of the first view to the second's, where both show one picture."""
    measures: Float[np.ndarray, "6"]
    """Change of the measures by the teacher; of a moved face it is not known, and zero here."""
    change: Float[np.ndarray, "A"]
    """Change of weights of a moved face, else zero."""
    beside: bool
    """Whether the second picture serves as the face at rest."""
    at_rest: tuple[bool, bool]
    into_camera: tuple[bool, bool]
    """Whether each eye is known to look into the camera; False where a patch covers the eyes, or they were turned."""
    gaze: Float[np.ndarray, "2 2"]
    """Mean (yaw, pitch) of both eyes [rad] in each picture; NaN where it is not known or a patch covers them."""
    in_sight: tuple[bool, bool]
    """Whether nothing but a patch is before the face."""


class PairDrawer:
    """Draws pairs from real faces; the unsteady ones are left out."""

    def __init__(self, faces: RealFaces, mover: FaceMover, moved_share: float) -> None:
        """`moved_share` of the pairs show a moved face. ValueError when no face is steady."""
        self.faces, self.mover, self.moved_share = faces, mover, moved_share
        steady = np.flatnonzero(faces.steady)
        if not len(steady):
            raise ValueError("no face is steady enough to learn from")
        is_clip = faces.clip[steady] != ""
        self.stills, self.frames = steady[~is_clip], steady[is_clip]
        self.clips = [group for group in _grouped(self.frames, faces.clip) if len(group) >= _FEWEST]
        self.calm = [_calm(faces.measures, frames) for frames in self.clips]
        several = [group for group in _grouped(self.stills[faces.alike[self.stills]], faces.person) if len(group) > 1]
        self.beside_rest = [group for group in several if faces.at_rest[group].any() and not faces.at_rest[group].all()]
        self.others = [group for group in several if not faces.at_rest[group].any()]

    def draw(self, rng: np.random.Generator, *, mirrored: bool | None) -> FacePair:
        """One pair; `mirrored` decides whether both pictures are mirrored, None draws it."""
        mirror = bool(rng.random() < 0.5) if mirrored is None else mirrored
        views = sample_view(rng, mirrored=mirror), sample_view(rng, mirrored=mirror)
        one, other, beside, moved = self._drawn(rng)
        return self._pair(rng, (one, other), views, beside=beside, change=draw_change(rng) if moved else None)

    def shares(self, draws: int = 20_000) -> dict[str, tuple[int, float]]:
        """Set -> how many of its pictures may be drawn, and about which share of all pictures drawn are its own."""
        rng = np.random.default_rng(0)
        drawn = np.array([self._drawn(rng)[:2] for _ in range(draws)]).ravel()
        own = self.faces.folder[np.concatenate([self.stills, self.frames])]
        return {
            name: (int((own == name).sum()), float((self.faces.folder[drawn] == name).mean()))
            for name in sorted(set(own.tolist()))
        }

    def _drawn(self, rng: np.random.Generator) -> tuple[int, int, bool, bool]:
        """Two faces, whether the second serves as the face at rest, and whether the first is to be moved."""
        if rng.random() < self.moved_share:
            single = self._single(rng)
            return single, single, bool(self.faces.at_rest[single]), True
        chance = rng.random()
        if chance < _BY_REST:
            if self.beside_rest:
                group = self.beside_rest[rng.integers(len(self.beside_rest))]
                at_rest = self.faces.at_rest[group]
                return int(rng.choice(group[~at_rest])), int(rng.choice(group[at_rest])), True, False
        elif chance < _BY_REST + _BY_PERSON:
            if self.others:
                one, other = rng.choice(self.others[rng.integers(len(self.others))], 2, replace=False)
                return int(one), int(other), False, False
        elif chance < _BY_REST + _BY_PERSON + _BY_CLIP and self.clips:
            which, beside = rng.integers(len(self.clips)), bool(rng.random() < _CALM_BESIDE)
            other = rng.choice(self.calm[which] if beside else self.clips[which])
            return int(rng.choice(self.clips[which])), int(other), beside, False
        single = self._single(rng)
        return single, single, False, False

    def _single(self, rng: np.random.Generator) -> int:
        a_frame = len(self.frames) and (rng.random() < _FRAME or not len(self.stills))
        return int(rng.choice(self.frames if a_frame else self.stills))

    def _pair(
        self,
        rng: np.random.Generator,
        faces: tuple[int, int],
        views: tuple[View, View],
        *,
        beside: bool,
        change: Float[np.ndarray, "A"] | None,
    ) -> FacePair:
        """The pair of two faces; `change` is the change of weights that the first is moved by, as its view shows it."""
        own, (one, other) = self.faces, faces
        seen = self._view(rng, one, views[0], change), self._view(rng, other, views[1], None)
        kind = PairKind.MOVED if change is not None else PairKind.VIEWS if one == other else PairKind.PICTURES
        measures = own.measures[one] - own.measures[other]
        measures[_ASYMMETRY] *= -1 if views[0].mirrored else 1
        turn = np.zeros(2) if change is None else gaze_from_weights(change).mean(axis=0)
        flip = (-1 if views[0].mirrored else 1, 1)
        gaze = np.stack([own.gaze[one] * flip + turn, own.gaze[other] * flip])
        open_eyes = np.array([view.seen[_EYES] > 0.5 for view in seen])
        gaze[~open_eyes] = np.nan
        ahead = open_eyes & own.into_camera[list(faces)] & [not turn.any(), True]
        return FacePair(
            one=seen[0],
            other=seen[1],
            people=(str(own.person[one]), str(own.person[other])),
            kind=kind,
            other_from_one=views[1].matrix @ np.linalg.inv(np.vstack([views[0].matrix, [0, 0, 1]])),
            measures=measures,
            change=np.zeros(len(spec.CHANNELS)) if change is None else change,
            beside=beside,
            at_rest=(bool(own.at_rest[one]) and change is None, bool(own.at_rest[other])),
            into_camera=(bool(ahead[0]), bool(ahead[1])),
            gaze=gaze,
            in_sight=(bool(own.in_sight[one]), bool(own.in_sight[other])),
        )

    def _view(self, rng: np.random.Generator, face: int, view: View, change: np.ndarray | None) -> FaceView:
        picture, landmarks = self.faces.crop(face), self.faces.landmarks[face].astype(np.float64)
        if change is not None:
            shown = change[list(spec.MIRROR)] if view.mirrored else change
            picture, landmarks = self.mover.moved(picture, landmarks, shown)
        (crop,), patch = photometric(rng, [view.crop(picture)])
        points = view.points(landmarks)
        covered, share = covered_share(patch, points[None])
        trust = LANDMARK_TRUST * _sureness(self.faces.spread[face])
        if change is None:
            trust[BROWS] *= _BROW_TRUST
        trust = trust[list(spec.LAYOUT.mirror)] if view.mirrored else trust
        return FaceView(
            crop=crop,
            landmarks=points,
            trust=np.where(covered[0] > 0, HIDDEN_TRUST * trust, trust),
            seen=1.0 - share[0],
        )


def _grouped(faces: Int[np.ndarray, "K"], label: np.ndarray) -> list[Int[np.ndarray, "G"]]:
    """The faces by equal labels, in the order of labels."""
    return [faces[label[faces] == value] for value in sorted(set(label[faces].tolist()))]


def _calm(measures: Float[np.ndarray, "N 6"], frames: Int[np.ndarray, "G"]) -> Int[np.ndarray, "5"]:
    """The frames of a clip that serve as its face at rest (`_CALM`)."""
    own = measures[frames]
    scale = np.maximum(own.std(axis=0), 1e-4)
    far = np.abs((own - np.median(own, axis=0)) / scale).sum(axis=1)
    opening = MEASURES.index("opening")
    far += 3 * (own[:, opening] - own[:, opening].min()) / scale[opening]
    return frames[np.argsort(far, kind="stable")[:_CALM]]


def _sureness(spread: Float[np.ndarray, "L"]) -> Float[np.ndarray, "L"]:
    """How much landmarks count by their spread: inverse variance, at most 1 and at least 0.1, or nothing."""
    weight = np.clip((_SURE / np.maximum(spread, 1e-4)) ** 2, 0.1, 1.0)
    return np.where(spread > _UNSURE, 0.0, weight)
