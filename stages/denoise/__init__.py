"""Deep candidates: networks that restore frames in the stabilised domain."""

from stages.denoise.stage import Denoise

__all__ = ["Denoise"]
