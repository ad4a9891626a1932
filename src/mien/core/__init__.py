"""Types every part of mien shares: numpy only, no files."""

from mien.core.camera import Camera
from mien.core.channels import ARKIT, VISEMES
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.facetrack import FaceTrack
from mien.core.landmarks import FIVE, IBUG68, MIEN70, MIEN198, LandmarkAnchors, LandmarkLayout
from mien.core.mesh import Mesh, MeshSequence, Part, Topology, vertex_normals
from mien.core.rig import Corrective, Joint, Rig

__all__ = [
    "ARKIT",
    "FIVE",
    "IBUG68",
    "MIEN70",
    "MIEN198",
    "VISEMES",
    "Camera",
    "Clip",
    "Corrective",
    "FaceTrack",
    "Joint",
    "LandmarkAnchors",
    "LandmarkLayout",
    "Mesh",
    "MeshSequence",
    "MienError",
    "Part",
    "Rig",
    "Topology",
    "vertex_normals",
]
