"""Types that every part of mien shares. They need numpy only and read no files."""

from mien.core.camera import Camera
from mien.core.channels import ARKIT
from mien.core.clip import Clip
from mien.core.errors import MienError
from mien.core.facetrack import FaceTrack
from mien.core.features import Features
from mien.core.landmarks import FIVE, IBUG68, MIEN70, MIEN198, LandmarkAnchors, LandmarkLayout
from mien.core.mesh import Mesh, MeshSequence, Part, Topology, vertex_normals
from mien.core.pose import Pose
from mien.core.regions import REGIONS
from mien.core.rig import Corrective, Joint, Rig
from mien.core.visemes import VISEMES, VisemeTrack

__all__ = [
    "ARKIT",
    "FIVE",
    "IBUG68",
    "MIEN70",
    "MIEN198",
    "REGIONS",
    "VISEMES",
    "Camera",
    "Clip",
    "Corrective",
    "FaceTrack",
    "Features",
    "Joint",
    "LandmarkAnchors",
    "LandmarkLayout",
    "Mesh",
    "MeshSequence",
    "MienError",
    "Part",
    "Pose",
    "Rig",
    "Topology",
    "VisemeTrack",
    "vertex_normals",
]
