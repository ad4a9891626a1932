"""`mien export`; what it writes is tested in tests/contract and beside each system."""

from collections.abc import Callable

import pytest

from mien.systems import registry

from .conftest import Run


@pytest.mark.parametrize("name", sorted(registry.SYSTEMS))
def test_its_help_names_every_option_of_the_system(run: Run, name: str) -> None:
    done = run("export", name, "--help")
    assert done.returncode == 0 and "CHECKPOINT OUT" in done.stdout
    for field in vars(registry.find(name).export_defaults()):
        assert f"--{field.replace('_', '-')}" in done.stdout


def test_without_a_system_it_explains_itself(run: Run) -> None:
    for words in ((), ("--help",)):
        done = run("export", *words)
        assert done.returncode == 0 and "mien export NAME --help" in done.stdout


def test_an_unknown_system_and_a_missing_checkpoint_are_one_line(refused: Callable[..., str]) -> None:
    assert "there are: capture, express" in refused("export", "kapture", "a.pt", "out")
    assert "a.pt: no such checkpoint; train one with 'mien train express'" in refused(
        "export", "express", "a.pt", "out"
    )


def test_the_sample_goes_to_a_folder_that_is_there(refused: Callable[..., str]) -> None:
    assert "gone" in refused("synth", "sample", "--out", "gone")
