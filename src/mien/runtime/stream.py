"""`Stream`: a session that carries the network's states from step to step."""

from collections.abc import Mapping

import numpy as np

from mien.runtime.manifest import Manifest
from mien.runtime.session import Session

__all__ = ["Stream"]


class Stream:
    """Runs a session step by step and carries its states from each step to the next."""

    def __init__(self, session: Session, manifest: Manifest | None = None) -> None:
        """`manifest` defaults to that of the session."""
        self._session = session
        self._states = (manifest or session.manifest).states
        self._values: dict[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Set all states to zero, as before the first step. Call it on a cut or when a face is found again."""
        self._values = {state.input: np.zeros(state.shape, np.float32) for state in self._states}

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of one step by name, without states; a step that raises leaves the states unchanged."""
        outputs = self._session.run({**inputs, **self._values})
        self._values = {state.input: outputs.pop(state.output) for state in self._states}
        return outputs

    @property
    def state(self) -> dict[str, np.ndarray]:
        """A copy of the states, by the names of the graph's inputs."""
        return {name: value.copy() for name, value in self._values.items()}

    @state.setter
    def state(self, values: Mapping[str, np.ndarray]) -> None:
        expected = {state.input: state.shape for state in self._states}
        if {name: np.shape(value) for name, value in values.items()} != expected:
            raise ValueError(f"the state must be {expected}")
        self._values = {name: np.array(value, np.float32) for name, value in values.items()}
