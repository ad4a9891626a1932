"""`mien assets`: third-party material that mien uses and does not ship."""

from typing import TYPE_CHECKING, Literal

import tyro

from mien.io import assets

__all__ = ["get", "main", "show"]

if TYPE_CHECKING:
    _Name = str
else:
    _Name = Literal[tuple(assets.ASSETS)]


def main(arguments: list[str]) -> None:
    """Parse the command line and run `get` or `list`."""
    tyro.extras.subcommand_cli_from_dict({"get": get, "list": show}, prog="mien assets", args=arguments)


def get(name: tyro.conf.Positional[_Name], /) -> None:
    """Download an asset into the user's cache, unless it is there already, and verify its files by their checksums.

    The environment variable MIEN_ASSETS_MIRROR may name another server that has the files under the same paths.

    Args:
        name: the asset; `mien assets list` describes each one
    """
    from mien.cli.display import progress_bar

    asset = assets.ASSETS[name]
    if not assets.downloaded(name):
        print(f"downloading {asset.title} from {asset.source} (about {asset.megabytes} MB)", flush=True)
    with progress_bar(f"{name}: files") as advance:
        place = assets.get(name, progress=advance)
    print(f"{name}: {place}")


def show() -> None:
    """Show the assets, their licences and where they lie on this machine."""
    from mien.core import MienError

    for name, asset in assets.ASSETS.items():
        try:
            place = str(assets.find(name))
        except MienError:
            place = f"not here; get it with: mien assets get {name}"
        print(f"{name}: {asset.title}, {asset.what} ({asset.megabytes} MB)")
        print(f"  licence: {asset.licence}\n  source:  {asset.source}\n  place:   {place}")
        for part in asset.parts:
            print(f"  {part.folder}/: {part.what}; {part.licence}")
