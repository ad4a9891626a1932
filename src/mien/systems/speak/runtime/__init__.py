"""The parts of speak at run time besides `predict`: pronunciation, alignment of sound and text, timing by rule."""
