"""`Manifest`: the facts about a network that its graph does not contain."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, cast, get_args, get_origin, get_type_hints

from mien.core import landmarks
from mien.core.errors import MienError
from mien.core.landmarks import LandmarkLayout

__all__ = ["FORMAT", "Manifest", "StateSpec", "TensorSpec", "TrainingData"]

FORMAT = 1
"""The version of the layout of manifest.json; files of any other version are refused."""


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output of a network."""

    name: str
    """Name in model.onnx."""
    shape: tuple[int, ...]
    """Shape in model.onnx, batch axis (1) included."""
    dtype: str = "float32"
    """Element type, by its name in numpy. NCNN supports float32 only."""
    meaning: str = ""
    """Contents and unit ("landmarks, px in the 128 px crop")."""
    ncnn_shape: tuple[int, ...] | None = None
    """Shape of NCNN's Mat; None when it is `shape` without the leading batch axis."""

    @property
    def mat_shape(self) -> tuple[int, ...]:
        """Shape of NCNN's Mat."""
        if self.ncnn_shape is not None:
            return self.ncnn_shape
        return self.shape[1:] if len(self.shape) > 1 and self.shape[0] == 1 else self.shape


@dataclass(frozen=True, kw_only=True)
class StateSpec:
    """A state that a streaming network carries from one step to the next; it starts as zeros."""

    input: str
    """Name of the graph input for the state."""
    output: str
    """Name of the graph output with the next state."""
    shape: tuple[int, ...]
    """Shape, batch axis included; float32."""
    ncnn_shape: tuple[int, ...] | None = None
    """As `TensorSpec.ncnn_shape`; a state that reaches no convolution keeps its batch axis in NCNN."""


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set that the weights were trained on."""

    name: str
    licence: str
    samples: int = 0
    """Number of samples drawn from the data set, repetitions included."""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of manifest.json.

    NCNN's blobs are `in0..` for the inputs, then the states, and `out0..` for the outputs, then the states.
    """

    name: str
    """Name of the system that the network belongs to ("capture")."""
    version: str
    """Version of the weights."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    states: tuple[StateSpec, ...] = ()
    preprocess: dict[str, Any] = field(default_factory=dict[str, Any])
    """How an image becomes the input (crop size, margin, scale, offset); the system's spec.py documents the keys."""
    channels: tuple[str, ...] = ()
    """Expression channels in the order of the weights output."""
    landmarks: str = ""
    """Name of the landmark layout ("mien70"); empty when the network has none."""
    licence: str = ""
    """Licence of the weights (SPDX)."""
    training_data: tuple[TrainingData, ...] = ()
    command: str = ""
    """The command that trained them."""
    seed: int = 0
    revision: str = ""
    """Git revision of the code that trained them."""
    metrics: dict[str, Any] = field(default_factory=dict[str, Any])
    """Held-out figures by name; docs/systems defines each of them."""
    files: dict[str, str] = field(default_factory=dict[str, str])
    """File name -> sha256 of its bytes; `Bundle.write` fills it in."""

    @property
    def layout(self) -> LandmarkLayout:
        """The landmark layout; raises MienError when this version of mien does not know it."""
        for value in (landmarks.FIVE, landmarks.IBUG68, landmarks.MIEN70, landmarks.MIEN198):
            if value.name == self.landmarks:
                return value
        raise MienError(f"bundle '{self.name}' uses the unknown landmark layout '{self.landmarks}'; upgrade mien")

    @cached_property
    def feeds(self) -> tuple[TensorSpec, ...]:
        """All inputs of the graph: inputs, then states, in the order of NCNN's `in0..`."""
        return (
            *self.inputs,
            *(TensorSpec(name=s.input, shape=s.shape, ncnn_shape=s.ncnn_shape) for s in self.states),
        )

    @cached_property
    def fetches(self) -> tuple[TensorSpec, ...]:
        """All outputs of the graph: outputs, then states, in the order of NCNN's `out0..`."""
        return (*self.outputs, *(TensorSpec(name=s.output, shape=s.shape) for s in self.states))

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Parse manifest.json; raises a MienError that states the fault (the caller adds the path)."""
        try:
            data: Any = json.loads(text)
        except ValueError:
            raise MienError("manifest.json is not valid JSON") from None
        if not isinstance(data, dict) or "format" not in data:
            raise MienError("manifest.json is not a mien manifest (no 'format')")
        document = cast(dict[str, Any], data)
        version = document.pop("format")
        if version != FORMAT:
            raise MienError(f"manifest.json has format {version!r}; this mien reads format {FORMAT}: upgrade mien")
        manifest = _build(cls, document, "manifest.json")
        manifest.check()
        return manifest

    def check(self) -> None:
        """Raise MienError when names repeat or a shape is not positive."""
        for side, specs in (("input", self.feeds), ("output", self.fetches)):
            names = [spec.name for spec in specs]
            if len(set(names)) != len(names):
                raise MienError(f"manifest.json names an {side} twice: {', '.join(names)}")
        for spec in (*self.feeds, *self.fetches):
            if any(size < 1 for size in spec.shape):
                raise MienError(f"manifest.json: '{spec.name}' has shape {spec.shape}; sizes must be positive")
            if math.prod(spec.mat_shape) != math.prod(spec.shape):
                raise MienError(f"manifest.json: '{spec.name}' has {spec.shape} values but {spec.mat_shape} in NCNN")


def _build(kind: type[Any], data: object, where: str) -> Any:
    """A dataclass from parsed JSON, with the type of every field checked."""
    if not isinstance(data, dict):
        raise MienError(f"{where} is not an object")
    mapping = cast(Mapping[str, object], data)
    hints = get_type_hints(kind)
    unknown = sorted(set(mapping) - set(hints))
    if unknown:
        raise MienError(f"{where} has the unknown field '{unknown[0]}'")
    for entry in fields(kind):
        required = entry.default is MISSING and entry.default_factory is MISSING
        if required and entry.name not in mapping:
            raise MienError(f"{where} lacks '{entry.name}'")
    return kind(**{name: _convert(hints[name], value, f"{where}: '{name}'") for name, value in mapping.items()})


def _convert(hint: Any, value: object, where: str) -> Any:
    """`value` as the field type `hint`: str, int, tuple[X, ...], dict[str, X], X | None, a dataclass or Any."""
    if hint is Any:
        return value
    if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
        return _build(hint, value, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(arguments[0], item, where) for item in cast(list[object], value))
    if origin is dict and isinstance(value, dict):
        return {k: _convert(arguments[1], v, where) for k, v in cast(dict[str, object], value).items()}
    if type(None) in arguments:
        return None if value is None else _convert(arguments[0], value, where)
    # In Python a bool is an int, but not in a manifest.
    if origin is None and isinstance(value, hint) and not isinstance(value, bool):
        return value
    raise MienError(f"{where} is not of the type {getattr(hint, '__name__', hint)}")
