"""The skeletons of a USD stage: the joints that are mien's, and the rest positions of skinned points."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from mien.io.usd.stage import pxr
from mien.rigs.readers.gltf.joints import joints_by_name
from mien.rigs.readers.gltf.pieces import ORDER

__all__ = ["Skeletons"]


class Skeletons:
    """The joints of a stage that are mien's, and the rest positions of its skinned points."""

    def __init__(self, stage: Any, metres: Callable[[Any], np.ndarray], fail: Callable[[str], NoReturn]) -> None:
        (UsdSkel,) = pxr("UsdSkel")
        self._metres, self._fail = metres, fail
        self.places: dict[str, np.ndarray] = {}
        self._of: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        for prim in stage.Traverse():
            if prim.IsA(UsdSkel.Skeleton):
                self._add(UsdSkel.Skeleton(prim))

    def _add(self, skeleton: Any) -> None:
        paths = [str(joint) for joint in skeleton.GetJointsAttr().Get() or ()]
        at = {path: i for i, path in enumerate(paths)}
        parents = {i: at[path.rpartition("/")[0]] for path, i in at.items() if path.rpartition("/")[0] in at}
        found = joints_by_name([path.rpartition("/")[2] for path in paths], parents)
        if "head" in self.places:
            found = {}
        bind = self._matrices(skeleton.GetBindTransformsAttr().Get(), len(paths), skeleton)
        local: Any = skeleton.GetRestTransformsAttr().Get()
        rest = bind.copy()
        if local is not None and len(local) == len(paths):
            steps = self._matrices(local, len(paths), skeleton)
            for i in range(len(paths)):
                rest[i] = steps[i] @ rest[parents[i]] if parents.get(i, i) < i else steps[i]
        # "root" is mien's name for the joint of all points that are bound to none of the other joints.
        owner = np.zeros(len(paths), np.int64)
        named = {index: name for name, index in found.items()}
        for i in range(len(paths)):
            at_joint: int | None = i
            for _ in range(len(paths)):
                if at_joint is None or at_joint in named:
                    break
                at_joint = parents.get(at_joint)
            owner[i] = ORDER.index(named[at_joint]) if at_joint in named else 0
        if abs(np.linalg.det(bind)).min(initial=1) < 1e-12:
            self._fail(f"skeleton {skeleton.GetPath()} has a bind transform that cannot be inverted")
        world = self._metres(skeleton.GetPrim())
        self._of[skeleton.GetPath()] = (np.linalg.inv(bind) @ rest @ world, owner)
        self.places |= {name: (rest[index] @ world)[3, :3] for name, index in found.items()}

    def _matrices(self, value: Any, count: int, skeleton: Any) -> np.ndarray:
        out = np.zeros((0, 4, 4)) if value is None else np.array(value, np.float64).reshape(-1, 4, 4)
        if len(out) != count or not (np.abs(out) < 1e9).all():
            self._fail(f"skeleton {skeleton.GetPath()} has {len(out)} valid transforms for {count} joints")
        return out

    def placement(self, mesh: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(world_from_point [V, 4, 4] at rest, for row vectors [m]; skinning weights on `ORDER` [V, 6])."""
        (UsdSkel,) = pxr("UsdSkel")
        fail = self._fail
        weights = np.zeros((count, len(ORDER)), np.float32)
        binding = UsdSkel.BindingAPI(mesh)
        skeleton = binding.GetInheritedSkeleton()
        indices, shares = binding.GetJointIndicesPrimvar(), binding.GetJointWeightsPrimvar()
        known = self._of.get(skeleton.GetPath()) if skeleton else None
        if known is None or not indices.HasValue() or not shares.HasValue():
            weights[:, 0] = 1
            return np.broadcast_to(self._metres(mesh.GetPrim()), (count, 4, 4)), weights
        matrices, owner = known
        which, share = np.array(indices.Get(), np.int64), np.array(shares.Get(), np.float64)
        rows = 1 if indices.GetInterpolation() == "constant" else count
        if which.size != share.size or not which.size or which.size % rows:
            fail(f"{mesh.GetPath()} has {which.size} joint indices and {share.size} weights for {rows} points")
        which, share = which.reshape(rows, -1), share.reshape(rows, -1)
        joints: Any = binding.GetJointsAttr().Get()
        if joints is not None and len(joints):  # the mesh may number the joints in another order than the skeleton
            order = [str(joint) for joint in UsdSkel.Skeleton(skeleton).GetJointsAttr().Get()]
            if not set(map(str, joints)) <= set(order):
                fail(f"{mesh.GetPath()} names joints that its skeleton does not have")
            own = np.array([order.index(str(joint)) for joint in joints])
            matrices, owner = matrices[own], owner[own]
        if which.min() < 0 or which.max() >= len(matrices) or not (np.abs(share) < 1e6).all():
            fail(f"{mesh.GetPath()} is bound to joints beyond its skeleton's {len(matrices)}")
        total = share.sum(axis=1, keepdims=True)
        share = np.where(total > 1e-6, share / np.where(total > 1e-6, total, 1), 0)
        blended = np.zeros((rows, 4, 4))
        own_weights = np.zeros((rows, len(ORDER)), np.float32)
        for k in range(which.shape[1]):
            blended += share[:, k, None, None] * matrices[which[:, k]]
            np.add.at(own_weights, (np.arange(rows), owner[which[:, k]]), share[:, k])
        geometry: Any = binding.GetGeomBindTransformAttr().Get()
        if geometry is not None:
            blended = np.array(geometry, np.float64) @ blended
        loose = total[:, 0] <= 1e-6
        blended[loose], own_weights[loose, 0] = self._metres(mesh.GetPrim()), 1
        return np.broadcast_to(blended, (count, 4, 4)), np.broadcast_to(own_weights, (count, len(ORDER))).copy()
