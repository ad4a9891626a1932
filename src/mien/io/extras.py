"""Optional dependencies of file formats: what they are called, and the line that installs them."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mien.core.errors import MienError

__all__ = ["USD", "Extra"]


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An optional dependency."""

    name: str
    """The extra of mien that installs it: pip install 'mien[name]'."""
    module: str
    """The module it brings."""
    what: str
    """What people call it."""
    files: str
    """What people call the files that need it."""

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'mien[{self.name}]'"

    def load(self, *names: str) -> list[Any]:
        """The module itself, or its submodules `names`; raises MienError that names the extra when it is missing."""
        try:
            return [import_module(f"{self.module}.{name}") for name in names] or [import_module(self.module)]
        except ModuleNotFoundError:
            raise MienError(f"{self.files} files need {self.what}; run: {self.command}") from None


USD = Extra(name="usd", module="pxr", what="OpenUSD", files="USD")
