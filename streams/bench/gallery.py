"""Pictures of restorations: raw, best classical one, best network, what was selected, its evidence map, the truth."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from schemas.frame import Frame, Pixels
from schemas.scores import RAW
from stages.denoise import Denoise
from stages.denoise.blend import Blend
from stages.evidence import Evidence
from stages.filter import Filter
from stages.metrics.reference import psnr_db
from stages.noise import measure
from stages.restoration import Restoration
from stages.stage import Stage
from streams.bench.fields import Pair, Specimen
from streams.bench.panels import Colours, grey, panel, write_row
from streams.bench.rehearsal import Rehearsed, rehearse
from streams.report.evidence import Tint, painted
from streams.report.pictures import GreyWindow

SIDE_PX = 144


def write_gallery(folder: Path, stages: Sequence[Stage], specimens: Mapping[str, Specimen]) -> Iterator[Path]:
    """Write one picture for each specimen, under its name, and yield where; raises `UsageError`."""
    for name, specimen in specimens.items():
        pair = specimen.pair()
        path = folder / f"{name}.png"
        write_row(path, list(_panels(stages, pair, rehearse(stages, pair.noisy, specimen.label))))
        yield path


def _panels(stages: Sequence[Stage], pair: Pair, found: Rehearsed) -> Iterator[Colours]:
    window = GreyWindow.of(pair.noisy.frame.pixels)
    psnr = {name: psnr_db(pair.clean, pair.inner(frame.pixels)) for name, frame in found.frames.items()}
    chosen = found.event.selection.chosen if found.event.selection else RAW
    shown = {"raw": RAW}
    for title, kind in (("classical", Filter), ("network", Denoise)):
        names = [name for stage in stages if isinstance(stage, kind) for name in _of_one_kind(stage) if name in psnr]
        shown |= {title: max(names, key=psnr.__getitem__)} if names else {}
    top, left = _liveliest(pair.clean)
    for title, name in [*shown.items(), ("selected", chosen)]:
        words = f"{title if title in (RAW, name) else f'{title}: {name}'} {psnr[name]:.1f} dB"
        pixels = pair.inner(found.frames[name].pixels)
        yield panel(grey(pixels, window), top=top, left=left, side_px=SIDE_PX, title=words)
    mapped = _map(pair, found.frames[chosen], window)
    if mapped is not None:
        yield panel(mapped, top=top, left=left, side_px=SIDE_PX, title="evidence map of it")
    yield panel(grey(pair.clean, window), top=top, left=left, side_px=SIDE_PX, title="truth")


def _of_one_kind(stage: Restoration) -> Iterator[str]:
    """Yield the candidates of a stage, without those that are half a network and half a classical method."""
    return (name for name, method in stage.candidates.items() if not isinstance(method, Blend))


def _map(pair: Pair, restored: Frame, window: GreyWindow) -> Colours | None:
    raw = pair.noisy.frame.pixels
    evidence = Evidence.of(raw, measure(raw))
    if evidence is None:
        return None
    colours = painted(Tint(restored, evidence(restored.pixels)), window)
    border = pair.border_px
    return colours[border : colours.shape[0] - border, border : colours.shape[1] - border]


def _liveliest(clean: Pixels) -> tuple[int, int]:
    """Return the corner of the square in which the truth varies most."""
    mean, square = (cv2.blur(values, (SIDE_PX, SIDE_PX)) for values in (clean, clean**2))
    inside = slice(SIDE_PX // 2, -SIDE_PX // 2)
    spread = (square - mean**2)[inside, inside]
    row, column = np.unravel_index(int(np.argmax(spread)), spread.shape)
    return int(row), int(column)
