"""The verb `avatar`: a person's own textured head from photos and videos."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mien.core import MienError
from mien.core.landmarks import MIEN70, MIEN198
from mien.io.video import open_frames
from mien.rigs.avatar.build import Avatar, Hair, build_avatar
from mien.rigs.avatar.photo import Photo
from mien.rigs.avatar.store import check_folder, save_avatar
from mien.runtime import Bundle
from mien.systems.capture.fit import Views, fit_person

__all__ = ["avatar", "check_faces"]

_LAYOUTS = {layout.name: layout for layout in (MIEN198, MIEN70)}
_RIVAL = 0.5
"""Height of a second face, as a share of the largest one, from which a photo does not say whose avatar is wanted."""


def avatar(
    sources: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    hair: Hair = "cap",
    face: int | None = None,
    focal: float | None = None,
    frames: int = 12,
    bundle: Bundle | str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Avatar:
    """The avatar of the one person in some photos and videos: what `mien avatar` writes.

    Args:
        sources: photos or videos of one person, who is the same in all of them.
        out: a folder to write the avatar to; None writes nothing.
        hair: "cap" for a plain cap in the hair's colour, "none" for a bare head.
        face: which face of a photo is the person, 0 the largest; None refuses photos in which several are large.
        focal: focal length of the camera [px], of all sources; estimated when None.
        frames: the largest number of frames that are used of each video.
        bundle: a trained capture bundle or its folder; None for the weights that ship with mien.
        progress: called after every frame with (frames done, estimated total), all sources together.

    Raises MienError when a source cannot be read, shows no face or several, ICT-FaceKit is not installed, or the folder
    cannot be written. A source that is too dark or too small for a texture is named in `Avatar.unused`.
    """
    paths = [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]
    if out is not None:
        check_folder(Path(out))
    if face is None:
        for path in paths:
            check_faces(path)
    person = fit_person(paths, face=face or 0, focal=focal, frames=frames, bundle=bundle, progress=progress)
    photos = [photo for view in person.views for photo in _photos(view)]
    name = "avatar" if out is None else Path(out).resolve().name
    made = build_avatar(person.fit, photos, hair=hair, name=name)
    if out is not None:
        from mien.viewer.avatar_sheet import avatar_sheet

        save_avatar(made, out, avatar_sheet(made.rig, [photo.image for photo in photos[:1]]))
    return made


def check_faces(path: Path) -> None:
    """Raise MienError when the first frame with faces shows a second one that is nearly as large as the first."""
    from mien.track.cascade import Cascade

    find = Cascade.load()
    with open_frames(path) as source:
        for frame in source:
            tall = sorted((float(found.box[3] - found.box[1]) for found in find.detect(frame.image)), reverse=True)
            if len(tall) > 1 and tall[1] > _RIVAL * tall[0]:
                raise MienError(
                    f"{path} shows {len(tall)} faces; crop it, or choose one with `face` (0 is the largest)"
                )
            if tall:
                return


def _photos(view: Views) -> list[Photo]:
    """The frames of a view, read again."""
    wanted = {float(time): row for row, time in enumerate(view.times)}
    layout = next(layout for layout in _LAYOUTS.values() if layout.count == view.landmarks.shape[1])
    found: dict[int, Photo] = {}
    with open_frames(view.source) as source:
        for frame in source:
            row = wanted.get(float(frame.time))
            if row is not None:
                found[row] = Photo(
                    image=frame.image,
                    camera=view.camera,
                    landmarks=view.landmarks[row],
                    layout=layout,
                    name=view.source.name,
                )
    if len(found) != len(wanted):
        raise MienError(f"{view.source} changed while it was read; run the command again")
    return [found[row] for row in range(len(found))]
