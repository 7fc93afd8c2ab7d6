"""What a process engineer measures on line/space patterns and contact holes, on a raw frame and on its restorations."""

from stages.metrology.change import Change
from stages.metrology.holes import Holes
from stages.metrology.lines import Lines

__all__ = ["Change", "Holes", "Lines"]
