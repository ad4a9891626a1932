"""The three regions of a face that are judged by themselves: what is seen of each, and which channels move it."""

from mien.core.landmarks import LandmarkLayout

__all__ = ["HIDDEN", "REGIONS", "REGION_GROUPS", "region_of", "region_points"]

REGIONS: tuple[str, ...] = ("eyes", "brows", "mouth")
"""In the order of every `visibility` array."""

HIDDEN = 0.4
"""Visibility under which a region counts as hidden: capture then keeps its last value instead of reading it."""

REGION_GROUPS: dict[str, tuple[str, ...]] = {
    "eyes": ("eye_right", "eye_left"),
    "brows": ("brow_right", "brow_left", "brow_lower_right", "brow_lower_left"),
    "mouth": ("lips_outer", "lips_inner"),
}
"""Region -> the landmark groups that outline it; a layout may lack some of them."""


def region_of(channel: str) -> str:
    """The region that a channel is seen in; cheeks and nose move with the mouth, and are hidden with it."""
    if channel.startswith("brow"):
        return "brows"
    return "eyes" if channel.startswith("eye") else "mouth"


def region_points(layout: LandmarkLayout) -> dict[str, list[int]]:
    """Region -> the points of a layout that outline it."""
    return {
        region: [point for group in groups for point in layout.groups.get(group, ())]
        for region, groups in REGION_GROUPS.items()
    }
