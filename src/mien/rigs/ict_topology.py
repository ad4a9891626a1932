"""ICT-FaceKit's topology in numbers: its vertex count, the vertex ranges of its parts, and its 68 landmark vertices."""

__all__ = ["CLEAR", "EYES", "FACE", "GROUPS", "IBUG68_VERTICES", "OPEN", "PARTS", "SKIN", "VERTICES"]

VERTICES = 26719
"""Number of vertices of the whole head."""

GROUPS: dict[str, tuple[int, int]] = {
    "face": (0, 9409),
    "face_narrow": (0, 6706),
    "head_neck": (9409, 11248),
    "mouth_socket": (11248, 13294),
    "eye_sockets": (13294, 14062),
    "gums_tongue": (14062, 17039),
    "teeth": (17039, 21451),
    "eyeball_left": (21451, 23021),
    "sclera_left": (21451, 22221),
    "iris_left": (22221, 23021),
    "eyeball_right": (23021, 24591),
    "sclera_right": (23021, 23791),
    "iris_right": (23791, 24591),
    "lacrimal": (24591, 24999),
    "eye_blend": (24999, 25047),
    "eye_occlusion": (25047, 25351),
    "lashes": (25351, 26719),
    "lashes_left": (25351, 26035),
    "lashes_right": (26035, 26719),
}
"""Vertex ranges [start, stop) of the parts (table "Face Model Topology" of the upstream README)."""

EYES = "eyes"
"""Name of the texture that both eyeballs show."""

CLEAR = ("lacrimal", "eye_blend", "eye_occlusion")
"""Parts that are invisible: films over the eye that are meant for renderers that refract and blend."""

OPEN = ("mouth_socket", "eye_sockets", "gums_tongue", "lashes")
"""Parts that are open sheets, and are seen from both sides."""

PARTS: tuple[tuple[str, int, tuple[float, float, float], float], ...] = (
    ("face", 9230, (0.80, 0.62, 0.54), 0.5),
    ("head_neck", 11144, (0.80, 0.62, 0.54), 0.5),
    ("mouth_socket", 13226, (0.45, 0.20, 0.19), 0.5),
    ("eye_sockets", 14034, (0.60, 0.35, 0.32), 0.5),
    ("gums_tongue", 17006, (0.62, 0.33, 0.33), 0.4),
    ("teeth", 21496, (0.90, 0.87, 0.80), 0.2),
    ("eyeball_left", 23094, (1.0, 1.0, 1.0), 0.1),
    ("eyeball_right", 24692, (1.0, 1.0, 1.0), 0.1),
    ("lacrimal", 25018, (0.90, 0.80, 0.78), 0.1),
    ("eye_blend", 25048, (0.70, 0.50, 0.45), 0.4),
    ("eye_occlusion", 25304, (0.30, 0.20, 0.18), 0.6),
    ("lashes", 26384, (0.08, 0.06, 0.05), 0.8),
)
"""(part, one past its last polygon in the file (same table), base colour, roughness)."""

IBUG68_VERTICES = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518,
    5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""Vertices of the Multi-PIE 68 points (upstream README, "Facial Landmarks"; also `vertex_indices.json`)."""

FACE = GROUPS["face"][1]
"""Number of vertices of the face region, which come first: express is trained on them and errors are measured there."""

SKIN = GROUPS["head_neck"][1]
"""Number of vertices of the skin, which come first: the face, then the rest of head and neck."""
