"""Maps the shape names of other programs' rigs to mien's names. Names that are not certain are reported, not mapped.

The rules for one name, in order:

1. Exact: one of the 52 ARKit names in lowerCamel (`jawOpen`) or PascalCase (`JawOpen`).
2. Vocabulary tag: letters, a number and an underscore in front (`AK_25_JawOpen`, `AU_26_JawDrop`, `AA_VI_01_PP`).
   `AK` and `ARKit` mark ARKit shapes. `AU` marks FACS units, which become `AU26_JawDrop`, `VI` marks visemes, which
   become `viseme_PP`; these and names with any other tag (`SR21_JawOpen`) are no ARKit shapes, because the "jaw open"
   of another vocabulary is another shape.
3. Decoration without a number: a namespace (`Face.`, `head|`, `mixamorig:`), a leading number (`25_jawOpen`), or a
   leading word of `DECORATIONS` (`ARKit_jawOpen`, `bs_JawOpen`).
4. Words: case and separators are ignored (`jaw_open`, `JAW OPEN`); one side word may stand anywhere, as `Left`, `L`,
   `Right` or `R` (`L_eyeBlink`, `EyeBlink.R`, `leftEyeBlink`). The words must then be exactly those of one ARKit name.
5. Halves: `browInnerUp` and `cheekPuff` with a side are halves of the shape; the sum of both is the shape.

When two different names of one mesh match the same ARKit shape, the one with the lower rule number is used; with equal
rule numbers neither is used and both are reported as ambiguous.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mien.core.channels import ARKIT
from mien.core.visemes import VISEMES

__all__ = ["DECORATIONS", "NameReport", "merged", "normalise", "words"]

DECORATIONS = frozenset({"ak", "arkit", "bs", "blendshape", "shape", "morph", "target", "face", "exp", "expression"})
"""Leading words that carry no meaning."""

_TAG = re.compile(r"(?P<tag>[A-Za-z]+(?:_[A-Za-z]+)?)_?(?P<number>\d{1,3})_(?P<rest>.+)")
_ARKIT_TAGS = frozenset({"ak", "arkit"})
_VISEMES = {name.lower(): name for name in VISEMES} | {"i": "ih", "o": "oh", "u": "ou"}
"""Viseme names in lower case -> Oculus names; the Oculus documentation spells three of them in two ways (ih/I, oh/O,
ou/U)."""
_SIDES = {"left": "Left", "l": "Left", "right": "Right", "r": "Right"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HALVED = frozenset({"browInnerUp", "cheekPuff"})


@dataclass(frozen=True, kw_only=True)
class NameReport:
    """How a rig's shape names were mapped. A raw name is the name in the rig's file."""

    names: dict[str, str]
    """Raw name -> mien's name; ambiguous names stay as they are."""
    arkit: tuple[str, ...]
    """ARKit shapes that a name maps to, in the order of ARKIT."""
    missing: tuple[str, ...]
    """ARKit shapes that no name maps to."""
    ambiguous: dict[str, tuple[str, ...]]
    """ARKit name -> the raw names that match it equally well; none of them is used."""
    other: tuple[str, ...]
    """mien's names of the shapes that are no ARKit shapes."""


def words(name: str) -> tuple[str, str | None]:
    """(lower-case words joined, side) of a name: `Eye_Blink.L` -> ("eyeblink", "Left"); the side is None if central.

    A name with two side words has no side, because it is not clear which of them is meant.
    """
    found = [word.lower() for word in _WORD.findall(name)]
    sides = [word for word in found if word in _SIDES]
    if len(sides) == 1:
        return "".join(word for word in found if word not in _SIDES), _SIDES[sides[0]]
    joined = "".join(found)
    if not sides:  # the side may be the end of a lower-case word: "eyeblinkleft"
        for word, side in (("left", "Left"), ("right", "Right")):
            if joined.endswith(word) and len(joined) > len(word):
                return joined.removesuffix(word), side
    return joined, None


_KEYS = {words(name): name for name in ARKIT}
_EXACT = {name: name for name in ARKIT} | {name[0].upper() + name[1:]: name for name in ARKIT}


def normalise(raw: Sequence[str]) -> NameReport:
    """Map the raw names of one mesh; equal raw names count once."""
    unique = list(dict.fromkeys(raw))
    claims: dict[str, list[tuple[int, str]]] = {}
    names: dict[str, str] = {}
    for name in unique:
        rule, arkit, own = _classify(name)
        if arkit is None:
            names[name] = own
        else:
            claims.setdefault(arkit, []).append((rule, name))
    ambiguous: dict[str, tuple[str, ...]] = {}
    for arkit, claimants in claims.items():
        best = min(rule for rule, _ in claimants)
        winners = [name for rule, name in claimants if rule == best]
        for _, name in claimants:
            names[name] = arkit if winners == [name] else name
        if len(winners) > 1:
            ambiguous[arkit] = tuple(winners)
    _join_halves(names, ambiguous)
    _keep_apart(unique, names)
    found = set(names.values())
    return NameReport(
        names={name: names[name] for name in unique},
        arkit=tuple(name for name in ARKIT if name in found),
        missing=tuple(name for name in ARKIT if name not in found),
        ambiguous=ambiguous,
        other=tuple(dict.fromkeys(names[name] for name in unique if names[name] not in ARKIT)),
    )


def merged(reports: Sequence[NameReport]) -> NameReport:
    """One report for several meshes: a shape is found when any mesh has it, and ambiguous only when none has it."""
    names = {raw: name for report in reports for raw, name in report.names.items()}
    found = {name for report in reports for name in report.arkit}
    return NameReport(
        names=names,
        arkit=tuple(name for name in ARKIT if name in found),
        missing=tuple(name for name in ARKIT if name not in found),
        ambiguous={name: raws for report in reports for name, raws in report.ambiguous.items() if name not in found},
        other=tuple(dict.fromkeys(name for report in reports for name in report.other)),
    )


def _classify(name: str) -> tuple[int, str | None, str]:
    """(rule number, ARKit name or None, the name to use when it is no ARKit name)."""
    if name in _EXACT:
        return 1, _EXACT[name], name
    tagged = _TAG.fullmatch(name)
    if tagged is not None:
        tag, rest = tagged["tag"].split("_")[-1], tagged["rest"]
        if tag.lower() in _ARKIT_TAGS:
            return 2, _EXACT.get(rest) or _by_words(rest), name
        if tag.lower() == "vi" and rest.lower() in _VISEMES:
            return 2, None, f"viseme_{_VISEMES[rest.lower()]}"
        return 2, None, f"{tag.upper()}{int(tagged['number'])}_{_pascal(rest)}"
    bare = _undecorated(name)
    if bare in _EXACT:
        return 3, _EXACT[bare], name
    return 4, _by_words(bare), name


def _undecorated(name: str) -> str:
    # A namespace ends before the last separator, unless what follows is only a side ("EyeBlink.L").
    parts = re.split(r"[:|]|\.(?![LRlr]$)", name)
    bare = re.sub(r"^\d{1,3}[_ .-]+", "", parts[-1])
    head, separator, rest = bare.partition("_")
    return rest if separator and head.lower() in DECORATIONS else bare


def _by_words(name: str) -> str | None:
    return _KEYS.get(words(name))


def _pascal(name: str) -> str:
    """`L_OuterBrowRaiser` -> `OuterBrowRaiserLeft`, `Cheek_Puff_Left` -> `CheekPuffLeft`."""
    found = _WORD.findall(name)
    sides = [word for word in found if word.lower() in _SIDES]
    if len(sides) == 1:
        found = [word for word in found if word.lower() not in _SIDES] + [_SIDES[sides[0].lower()]]
    return "".join(word[0].upper() + word[1:] for word in found)


def _join_halves(names: dict[str, str], ambiguous: dict[str, tuple[str, ...]]) -> None:
    """Map both halves of a central shape to that shape, unless the rig has the whole shape."""
    taken = set(names.values()) | set(ambiguous)
    for whole in _HALVED - taken:
        base, _ = words(whole)
        halves = {name: words(_undecorated(name)) for name in names if names[name] == name}
        left, right = ([n for n, key in halves.items() if key == (base, side)] for side in ("Left", "Right"))
        if len(left) == 1 and len(right) == 1:
            names[left[0]] = names[right[0]] = whole


def _keep_apart(unique: list[str], names: dict[str, str]) -> None:
    """Keep the raw names of shapes that are no ARKit shapes and would get the same name."""
    owners: dict[str, list[str]] = {}
    for name in unique:
        owners.setdefault(names[name], []).append(name)
    for kept, raws in owners.items():
        if len(raws) > 1 and kept not in ARKIT:
            for name in raws:
                names[name] = name
