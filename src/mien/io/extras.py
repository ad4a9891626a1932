"""Optional dependencies of file formats: their names, and the command that installs them."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mien.core.errors import MienError

__all__ = ["USD", "Extra"]


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An optional dependency."""

    name: str
    """Name of the extra that installs the dependency: pip install 'mien[name]'."""
    module: str
    """The Python module that it provides."""
    what: str
    """Name of the dependency in messages."""
    files: str
    """Name of the files that need the dependency, in messages."""

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'mien[{self.name}]'"

    def load(self, *names: str) -> list[Any]:
        """The module, or its submodules `names`; raises a MienError that names the extra when it is not installed."""
        try:
            return [import_module(f"{self.module}.{name}") for name in names] or [import_module(self.module)]
        except ModuleNotFoundError:
            raise MienError(f"{self.files} files need {self.what}; run: {self.command}") from None


USD = Extra(name="usd", module="pxr", what="OpenUSD", files="USD")
