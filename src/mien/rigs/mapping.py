"""Mapping files: how the shapes of a rig without ARKit names (FACS units, visemes, a studio's own) make channels.

A mapping file is JSON, or YAML when PyYAML is installed:

    vocabulary: facs            # optional: AU12, AU12_LipCornerPullerLeft, ... become channels by the FACS table
    unit: cm                    # optional, for OBJ folders
    shapes:                     # channel: its shapes; these entries override names and vocabulary
      jawOpen: Mouth_Open
      mouthSmileLeft: {Smile: 1.0, side: left}      # the left half of a shape that moves both sides
      browInnerUp: {Brow_L_Up: 0.8, Brow_R_Up: 0.8}

A shape is named as in the rig's file or as `mien rig check` shows it. A name that the rig lacks is an error. Half
shapes are blended across the middle of the face (`FADE`).
"""

import json
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mien.core.channels import ARKIT, AU_TO_ARKIT
from mien.core.errors import MienError
from mien.core.rig import Rig
from mien.rigs.names import words

__all__ = ["FADE", "Mapping", "Recipe", "apply_mapping", "read_mapping"]

FADE = 8.0
"""Half width [mm] of the strip about the middle of the face in which a half shape fades: a third of a mouth's half
width."""
_KEYS = ("shapes", "vocabulary", "unit")
_WHOLE = ("AU30L", "AU30R")
"""Action units with a side whose channel is a direction of the whole jaw and not one half of the face."""
_LARGEST_FILE = 2**20


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the shapes of a rig combine into one channel."""

    terms: tuple[tuple[str, float], ...]
    """(shape, weight) of each term of the sum."""
    side: str | None = None
    """"left" or "right" to use only that half of the shapes; None for whole shapes."""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """The contents of a mapping file."""

    recipes: dict[str, Recipe] = field(default_factory=dict[str, Recipe])
    vocabulary: str | None = None
    """"facs" when action units become channels by the FACS table, or None."""
    unit: str | None = None
    """"mm", "cm" or "m": the unit of an OBJ folder."""
    source: str = "the mapping"


def read_mapping(path: str | Path) -> Mapping:
    """Read a mapping file; raises a MienError that names the invalid entry."""
    path = Path(path)
    data = _parsed(path)
    if not isinstance(data, dict) or not data:
        raise MienError(f"{path}: a mapping is an object with some of: {', '.join(_KEYS)}")
    unknown = sorted(str(key) for key in data if key not in _KEYS)
    if unknown:
        raise MienError(f"{path}: there is no entry '{unknown[0]}'; use some of: {', '.join(_KEYS)}")
    vocabulary, unit, shapes = data.get("vocabulary"), data.get("unit"), data.get("shapes", {})
    if vocabulary not in (None, "facs"):
        raise MienError(f"{path}: there is no vocabulary '{vocabulary}'; use facs, or leave it out")
    if unit not in (None, "mm", "cm", "m"):
        raise MienError(f"{path}: there is no unit '{unit}'; use mm, cm or m")
    if not isinstance(shapes, dict):
        raise MienError(f"{path}: 'shapes' must be an object of channel: shape")
    recipes = {str(channel): _recipe(path, str(channel), entry) for channel, entry in shapes.items()}
    return Mapping(recipes=recipes, vocabulary=vocabulary, unit=unit, source=str(path))


def apply_mapping(rig: Rig, mapping: Mapping, raw_names: MappingABC[str, str] | None = None) -> Rig:
    """`rig` with the channels of `mapping`, followed by the shapes of the rig that no channel replaces.

    `raw_names` maps names in the file to names in the rig, so that a mapping may use either. Raises MienError when a
    mapping names a shape that the rig lacks.
    """
    recipes = {**_facs(rig, mapping), **mapping.recipes}
    if not recipes:
        return rig
    raw = raw_names or {}
    made = {channel: _made(rig, channel, recipe, raw, mapping.source) for channel, recipe in recipes.items()}
    kept = [s for s, name in enumerate(rig.shape_names) if name not in made]
    order = [*(c for c in ARKIT if c in made), *(c for c in made if c not in ARKIT)]
    return replace(
        rig,
        shape_names=(*order, *(rig.shape_names[s] for s in kept)),
        shapes=np.concatenate([np.stack([made[c] for c in order]), rig.shapes[kept]]),
    )


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise MienError(f"{path}: larger than 1 MiB; it is no mapping")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise MienError(f"cannot read {path}: {reason}") from None
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MienError(f"{path}: not valid JSON ({error})") from None
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise MienError(f"{path}: a mapping is a .json or .yaml file; name it so")
    try:
        import yaml
    except ModuleNotFoundError:
        raise MienError(f"{path}: YAML needs PyYAML (pip install pyyaml); or write the mapping as .json") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise MienError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None


def _recipe(path: Path, channel: str, entry: Any) -> Recipe:
    if isinstance(entry, str):
        return Recipe(terms=((entry, 1.0),))
    if not isinstance(entry, dict) or not entry:
        raise MienError(f"{path}: '{channel}' must be a shape's name or an object of shape: weight")
    side = entry.get("side")
    if side not in (None, "left", "right"):
        raise MienError(f"{path}: the side of '{channel}' is '{side}'; use left or right")
    terms: list[tuple[str, float]] = []
    for name, weight in entry.items():
        if name == "side":
            continue
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not np.isfinite(weight):
            raise MienError(f"{path}: the weight of '{name}' in '{channel}' is no number")
        terms.append((str(name), float(weight)))
    if not terms:
        raise MienError(f"{path}: '{channel}' names no shape")
    return Recipe(terms=tuple(terms), side=side)


def _facs(rig: Rig, mapping: Mapping) -> dict[str, Recipe]:
    """Recipes from the rig's action units for channels that it lacks: the unit of the channel's side, else one half of
    the unit."""
    if mapping.vocabulary != "facs":
        return {}
    units: dict[tuple[str, str | None], list[str]] = {}
    for name in rig.shape_names:
        unit, separator, rest = name.partition("_")
        side = words(rest)[1] if separator else None
        if unit in AU_TO_ARKIT:
            units.setdefault((unit, side), []).append(name)
        elif unit[:-1] in AU_TO_ARKIT and unit[-1:] in "LR":
            units.setdefault((unit[:-1], {"L": "Left", "R": "Right"}[unit[-1]]), []).append(name)
    recipes: dict[str, Recipe] = {}
    for unit, channels in AU_TO_ARKIT.items():
        for channel in channels:
            if channel in rig.shape_names or channel in recipes:
                continue
            side = next((s for s in ("Left", "Right") if channel.endswith(s)), None) if unit not in _WHOLE else None
            own, both = units.get((unit, side), []), units.get((unit, None), [])
            if len(own) == 1:
                recipes[channel] = Recipe(terms=((own[0], 1.0),))
            elif side is None and not both:
                halves = [n for s in ("Left", "Right") for n in units.get((unit, s), [])]
                if len(halves) == 2:
                    recipes[channel] = Recipe(terms=tuple((name, 1.0) for name in halves))
            elif side is not None and len(both) == 1:
                recipes[channel] = Recipe(terms=((both[0], 1.0),), side=side.lower())
    return recipes


def _made(rig: Rig, channel: str, recipe: Recipe, raw: MappingABC[str, str], source: str) -> Float[np.ndarray, "V 3"]:
    total = np.zeros(rig.shapes.shape[1:], np.float32)
    for name, weight in recipe.terms:
        own = name if name in rig.shape_names else raw.get(name)
        if own is None or own not in rig.shape_names:
            raise MienError(f"{source}: '{channel}' needs the shape '{name}', which rig '{rig.name}' lacks")
        total += np.float32(weight) * rig.shape(own)
    return total if recipe.side is None else total * _half(rig, recipe.side)[:, None]


def _half(rig: Rig, side: str) -> Float[np.ndarray, "V"]:
    """Factor per vertex: 1 on one side, 0 on the other, a smooth step across the middle; both sides sum to 1."""
    from mien.rigs.check import face_frame

    frame = face_frame(rig)
    x = rig.neutral.vertices[:, 0] - (0.0 if frame is None else frame.centre[0])
    t = np.clip(x / (2 * FADE) * (1 if side == "left" else -1) + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
