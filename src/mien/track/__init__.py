"""Detection, tracking and alignment of faces in images and video, and head pose."""

from mien.track.boxes import Detection
from mien.track.cascade import Cascade
from mien.track.onet import ONet
from mien.track.tracker import FaceTracker, TrackedFace
from mien.track.video import track_video

__all__ = ["Cascade", "Detection", "FaceTracker", "ONet", "TrackedFace", "track_video"]
