"""Provenance: a revision stands for the code that ran, in real git checkouts."""

import json
import subprocess
from pathlib import Path

import pytest

from mien.core import MienError
from mien.engine import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with code, a document and a result, from which `provenance` believes to run."""
    for name in ("src/code.py", "benchmarks/results/x.json", "docs/images/x.txt", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    monkeypatch.setattr(provenance, "_HERE", tmp_path / "src" / "code.py")
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    revision = provenance.git_revision()
    assert git(checkout, "rev-parse", "HEAD").startswith(revision) and len(revision) == 12
    provenance.check_clean(Path("x.json"), dirty=False)


@pytest.mark.parametrize("name", ["benchmarks/results/x.json", "docs/images/x.txt", "README.md"])
def test_what_is_measured_does_not_depend_on_documents_and_results(checkout: Path, name: str) -> None:
    (checkout / name).write_text("2")
    assert "dirty" not in provenance.git_revision()


@pytest.mark.parametrize("staged", [False, True])
def test_changed_code_is_said_and_refused(checkout: Path, staged: bool) -> None:
    (checkout / "src" / "code.py").write_text("2")
    if staged:
        git(checkout, "add", ".")
    assert provenance.git_revision().endswith("-dirty")
    with pytest.raises(MienError, match=r"x\.json.*`dirty`") as refused:
        provenance.check_clean(Path("x.json"), dirty=False)
    assert "\n" not in str(refused.value)
    provenance.check_clean(Path("x.json"), dirty=True)


def test_code_outside_a_checkout_or_ignored_by_another_is_of_no_revision(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "src" / "installed.py").write_text("1")  # mien in a .venv inside somebody's repository
    for code in (checkout / "src" / "installed.py", tmp_path_factory.mktemp("none") / "code.py"):
        monkeypatch.setattr(provenance, "_HERE", code)
        assert provenance.git_revision() == "unknown"
        provenance.check_clean(Path("x.json"), dirty=False)


def test_the_machine_is_described_and_not_named() -> None:
    machine = provenance.describe_machine()
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert machine["cpu"]
    assert machine["libraries"]["mien"]
    assert set(machine) == {"cpu", "cores", "memory_gib", "system", "python", "libraries"}
    json.dumps(machine, allow_nan=False)
