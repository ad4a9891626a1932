"""What the express model takes and gives: expressions, rates and sizes. Knows no torch."""

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
"""Rows of the label signal: the six basic expressions (Ekman 1992)."""

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
"""Other words for them."""

TIMELINE = "happy 0.1-0.5-1.2-1.6 @0.8"
"""What is expressed unless something else is asked for: a full smile [s], at an intensity of 0.8."""

FPS = 30.0
"""Steps of the network per second; other frame rates are interpolated."""

LATENT = 64
"""Length of the LSTM's state and of the latent vector (Potamias et al. 2020, section 3)."""

LEVELS, FACTOR = 4, 5
"""Steps between the coarsest mesh and the finest, and how many times more vertices each has (table 1)."""

FIELDS = 6
"""Values per vertex that the identity-aware decoder ends on; a map of the neutral's takes them to 3."""

BROAD = 16
"""Blendshapes that the identity-aware decoder adds its fields to."""

LOCAL = 12
"""Values of a neutral's local shape per vertex (`identity.LocalShape`)."""

CHANNELS = (64, 32, 16, 8, 3)
"""Values per vertex from the coarsest level to the output (table 1)."""


def expression_index(name: str, expressions: Sequence[str] = EXPRESSIONS) -> int:
    """Row of an expression by its name or an alias, in any case; raises MienError naming those there are."""
    word = name.strip().lower()
    word = word if word in expressions else ALIASES.get(word, word)
    if word not in expressions:
        raise MienError(f"there is no expression '{name}'; use one of: {', '.join(expressions)}")
    return list(expressions).index(word)
