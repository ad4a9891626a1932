"""Fixtures every test may use; with MIEN_CI set, a test that would be skipped fails instead."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

# Before numpy is imported by anybody: tests run side by side, one thread each.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

pytest_plugins = ["tests.smoke"]

REPOSITORY = Path(__file__).resolve().parents[1]
CI = bool(os.environ.get("MIEN_CI"))
# Set for mien as well, which finds the ICT archive by it, and for the processes that tests start.
ASSETS = Path(os.environ.setdefault("MIEN_TEST_ASSETS", str(REPOSITORY.parent / "shared" / "assets")))

# No deadline: a test that times anything fails on a busy machine. In CI the examples are the same in every run.
hypothesis.settings.register_profile("mien", deadline=None, derandomize=CI)
hypothesis.settings.load_profile("mien")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real test material; tests that need it fail in CI and skip elsewhere when it is absent."""
    if not ASSETS.is_dir():
        pytest.skip(f"no test material at {ASSETS}; set MIEN_TEST_ASSETS")
    return ASSETS


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _refuse_skip(report: Report) -> Report:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped, which counts as a failure with MIEN_CI set ({reason})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refuse_skip((yield))
