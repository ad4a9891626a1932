"""`mien COMMAND ...`: picks the command, and prints an error that the user can mend as one line.

Messages of the library name a parameter as `some_name` in backticks. When the command that was run has the option
--some-name, the printed message shows the option instead.

Exit codes: 0 done, 2 an input or option cannot be used, 130 interrupted. A traceback is a bug of mien.
"""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from types import MappingProxyType

from mien.core.errors import MienError

__all__ = ["COMMANDS", "main"]

COMMANDS = MappingProxyType(
    {
        "capture": "a video or a picture of a face into curves, a moving head, a preview",
        "live": "a performance in front of a webcam into curves or a moving head",
        "fit": "photos and videos of one person into a head of their shape",
        "avatar": "photos and videos of one person into their own head, with texture, eyes and hair",
        "express": "a neutral face and a timeline of expressions into a mesh sequence",
        "muscle": "a take performed by the muscles of a simulated face; a picture of the muscles",
        "speak": "a text, a voice or visemes into a talking face with a style",
        "demo": "capture the sample clip that ships with mien and compare it with its ground truth",
        "rig": "describe a rig, check it, draw it, transfer its shapes to another face",
        "retarget": "apply a take to another rig",
        "train": "train a system",
        "export": "write a trained network as the bundle that the other commands load",
        "bench": "measure a system beside its baselines",
        "synth": "render training images with their annotations, label real faces",
        "assets": "third-party material: list it, download it",
    }
)
"""Command -> what it does. The module of the same name in this package has `main(arguments)`."""

_EXTRAS = {
    "ncnn": "ncnn",
    "moderngl": "synth",
    "numba": "physics",
    "cholespy": "physics",
    "torch": "train",
    "lightning_fabric": "train",
    "pnnx": "train",
    "pocketsphinx": "speak",
}
"""Optional module -> the extra of mien that installs it."""


_NAMED = re.compile(r"`([a-z][a-z0-9_]*)`")
"""Matches a parameter's name in a message, and no command in backticks, because a command contains spaces."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(words)
        sys.stdout.flush()
    except MienError as error:
        return _complain(f"error: {_dashed(str(error), words)}", 2)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _complain(f"error: this command needs {error.name}; run: pip install 'mien[{extra}]'", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # The reader of a pipe has closed it (`mien rig info x.glb | head`). Python would raise again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def _dashed(message: str, words: list[str]) -> str:
    """The message with each `some_name` that is an option of the command written as --some-name."""
    if not _NAMED.search(message) or not words or words[0] not in COMMANDS:
        return message
    options = _options(words)

    def option(found: re.Match[str]) -> str:
        spelt = f"--{found[1].replace('_', '-')}"
        return spelt if spelt in options else found[0]

    return _NAMED.sub(option, message)


def _options(words: list[str]) -> set[str]:
    """The options of the command that was run, read from its help text, because some commands (`mien train`) build
    their options from other arguments."""
    help_text = StringIO()
    with redirect_stdout(help_text), redirect_stderr(StringIO()), suppress(SystemExit, MienError):
        import_module(f"mien.cli.{words[0]}").main([*words[1:], "--help"])
    return set(re.findall(r"^\W{0,2}(?:-\w, )?(--[a-z][a-z0-9-]*)", help_text.getvalue(), re.MULTILINE))


def _complain(message: str, code: int) -> int:
    print("mien: " + " ".join(message.splitlines()), file=sys.stderr)
    return code


def _run(words: list[str]) -> None:
    match words:
        case [] | ["-h" | "--help" | "help", *_]:
            print(_usage())
        case ["--version" | "-V", *_]:
            from mien import __version__

            print(f"mien {__version__}")
        case [command, *rest] if command in COMMANDS:
            import_module(f"mien.cli.{command}").main(rest)
        case _:
            command = words[0]
            raise MienError(f"there is no command '{command}'; use one of: {', '.join(COMMANDS)}")


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "mien: video of a face into animation, and animation into any face.",
            "",
            "usage: mien COMMAND ...      (mien COMMAND --help explains one; mien --version)",
            "",
            *lines,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
