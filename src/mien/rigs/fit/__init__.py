"""Fits a rig's identity to the landmarks of one person."""

from mien.rigs.fit.frames import choose_frames
from mien.rigs.fit.identity import Fit, Guess, Priors, fit_identity
from mien.rigs.fit.model import FaceModel
from mien.rigs.fit.person import head_position, person
from mien.rigs.fit.store import Identity, load_identity, save_identity

__all__ = [
    "FaceModel",
    "Fit",
    "Guess",
    "Identity",
    "Priors",
    "choose_frames",
    "fit_identity",
    "head_position",
    "load_identity",
    "person",
    "save_identity",
]
