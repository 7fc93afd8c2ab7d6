"""BM3D of our own, for noise that is correlated along rows."""

from stages.filter.bm3d.method import Bm3d

__all__ = ["Bm3d"]
