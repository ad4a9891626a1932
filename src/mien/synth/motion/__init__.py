"""Motion for synthetic performers: weights, head pose and gaze over time and in stills, for any identity."""

from mien.synth.motion.performance import Motion, motion_at, sample_motion
from mien.synth.motion.plausible import plausible
from mien.synth.motion.recorded import Take, prepare_takes
from mien.synth.motion.stills import sample_still

__all__ = ["Motion", "Take", "motion_at", "plausible", "prepare_takes", "sample_motion", "sample_still"]
