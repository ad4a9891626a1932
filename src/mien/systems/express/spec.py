"""Inputs and outputs of the express network: expressions, rates and sizes; does not import torch."""

__all__ = [
    "ALIASES",
    "BROAD",
    "CHANNELS",
    "EXPRESSIONS",
    "FACTOR",
    "FIELDS",
    "FPS",
    "LATENT",
    "LEVELS",
    "LOCAL",
    "TIMELINE",
    "expression_index",
]

from collections.abc import Sequence

from mien.core.errors import MienError

EXPRESSIONS = ("happiness", "sadness", "surprise", "fear", "anger", "disgust")
"""Columns of the label signal: the six basic expressions (Ekman 1992)."""

ALIASES = {
    "happy": "happiness",
    "joy": "happiness",
    "smile": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "afraid": "fear",
    "angry": "anger",
    "disgusted": "disgust",
}
"""Other names of the expressions."""

TIMELINE = "happy 0.1-0.5-1.2-1.6 @0.8"
"""The default timeline: a full smile [s], at an intensity of 0.8."""

FPS = 30.0
"""Steps of the network per second; other frame rates are interpolated."""

LATENT = 64
"""Length of the LSTM's state and of the latent vector (Potamias et al. 2020, section 3)."""

LEVELS, FACTOR = 4, 5
"""Upsampling steps from the coarsest mesh to the finest, and the factor on the number of vertices in each (table 1)."""

FIELDS = 6
"""Values per vertex before the last layer of the identity-aware decoder, which maps them to 3 with the neutral."""

BROAD = 16
"""Blendshapes that the identity-aware decoder adds its fields to."""

LOCAL = 12
"""Values of a neutral's local shape per vertex (`identity_code.LocalShape`)."""

CHANNELS = (64, 32, 16, 8, 3)
"""Values per vertex from the coarsest level to the output (table 1)."""


def expression_index(name: str, expressions: Sequence[str] = EXPRESSIONS) -> int:
    """Column of an expression by name or alias, in any case; for others raises MienError, which lists the names."""
    word = name.strip().lower()
    word = word if word in expressions else ALIASES.get(word, word)
    if word not in expressions:
        raise MienError(f"there is no expression '{name}'; use one of: {', '.join(expressions)}")
    return list(expressions).index(word)
