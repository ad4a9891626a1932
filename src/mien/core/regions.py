"""The three regions of a face whose visibility is measured separately, and the channels that move each of them."""

from mien.core.landmarks import LandmarkLayout

__all__ = ["HIDDEN", "REGIONS", "REGION_GROUPS", "region_of", "region_points"]

REGIONS: tuple[str, ...] = ("eyes", "brows", "mouth")
"""The regions, in the order of every `visibility` array."""

HIDDEN = 0.6
"""Visibility below which a region counts as hidden: capture then holds its last trusted weights. Of 600 clear portraits
that training saw the least visibility of any region is 0.76; brows under a cap and a mouth behind fingers have 0.3 to
0.6, of which a threshold of 0.4 missed every second frame."""

REGION_GROUPS: dict[str, tuple[str, ...]] = {
    "eyes": ("eye_right", "eye_left"),
    "brows": ("brow_right", "brow_left", "brow_lower_right", "brow_lower_left"),
    "mouth": ("lips_outer", "lips_inner"),
}
"""Region -> the landmark groups that outline it; a layout may lack some of them."""


def region_of(channel: str) -> str:
    """The region that a channel belongs to; cheeks and nose belong to the mouth, because they are hidden with it."""
    if channel.startswith("brow"):
        return "brows"
    return "eyes" if channel.startswith("eye") else "mouth"


def region_points(layout: LandmarkLayout) -> dict[str, list[int]]:
    """Region -> the indices of the landmarks that outline it in a layout."""
    return {
        region: [point for group in groups for point in layout.groups.get(group, ())]
        for region, groups in REGION_GROUPS.items()
    }
