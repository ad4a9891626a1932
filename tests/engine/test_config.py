import shlex
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import ClassVar

import pytest
import tyro

from mien.engine.config import RunConfig, changed_settings, training_command


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    MAY_CHANGE: ClassVar[frozenset[str]] = RunConfig.MAY_CHANGE | {"data"}

    data: str = "d"
    """Data."""
    size: int = 3
    """Size."""


PRESETS = MappingProxyType({"cpu": Config(), "full": Config(size=9, learning_rate=4e-3, threads=8)})


def test_the_fields_of_every_run_may_change_where_they_do_not_decide_what_is_learnt() -> None:
    kept = {field.name for field in fields(RunConfig)} - RunConfig.MAY_CHANGE
    assert kept == {"seed", "learning_rate", "weight_decay", "precision"}
    assert Config.MAY_CHANGE >= RunConfig.MAY_CHANGE


@pytest.mark.parametrize("field", [field.name for field in fields(Config)])
def test_a_change_is_named_with_both_values_unless_it_may_be(field: str) -> None:
    value = getattr(Config(), field)
    changed = changed_settings(Config(), {**vars(Config()), field: "other"})
    assert changed == ([] if field in Config.MAY_CHANGE else [f"`{field}` (was other, now {value})"])
    missing = {name: value for name, value in vars(Config()).items() if name != field}
    assert bool(changed_settings(Config(), missing)) == (field not in Config.MAY_CHANGE)


def test_the_training_command_makes_the_configuration_again() -> None:
    config = replace(PRESETS["full"], seed=4, size=10, out="elsewhere", data="there")
    command = training_command("x", config, PRESETS)
    assert command == "mien train x --preset full --seed 4 --size 10"
    words = shlex.split(command)[5:]
    again = tyro.cli(Config, default=PRESETS["full"], args=words)
    assert replace(again, out=config.out, data=config.data) == config
    assert "--data there" in training_command("x", config, PRESETS, frozenset({"out"}))
    assert training_command("x", PRESETS["cpu"], PRESETS) == "mien train x --preset cpu"
