"""`mien assets`: third-party material that mien uses and does not ship."""

from typing import Literal

import tyro

__all__ = ["get", "main", "show"]


def main(arguments: list[str]) -> None:
    """Parse the command line and run `get` or `list`."""
    tyro.extras.subcommand_cli_from_dict({"get": get, "list": show}, prog="mien assets", args=arguments)


def get(name: tyro.conf.Positional[Literal["ict"]], /) -> None:
    """Download an asset into the user's cache unless it is there, and check it.

    Args:
        name: the asset
    """
    from mien.rigs.assets import ICT_URL, get_ict, ict_archive

    if not ict_archive().is_file():
        print(f"downloading {ICT_URL} (about 120 MB)", flush=True)
    print(f"{name}: {get_ict()}")


def show() -> None:
    """Show the assets, their licences and whether they are here."""
    from mien.cli.display import console, table
    from mien.core import MienError
    from mien.rigs.assets import ICT_LICENCE
    from mien.rigs.ict import find_ict

    try:
        where = str(find_ict())
    except MienError:
        where = "not here; get it with: mien assets get ict"
    out = table("Assets", "name", "what", "licence")
    for column in out.columns:
        column.justify = "left"
    out.add_row("ict", "ICT-FaceKit: the head that training images are rendered from", ICT_LICENCE)
    console().print(out)
    print(f"ict: {where}")  # on a line of its own: a path is worth nothing when it is cut or folded
