"""The sandbox's child: ``python -m streams.formats.child FD MEMORY_BYTES CPU_S``. Started by `streams.formats.sandbox`.

It decodes what it is sent, with a bounded memory and processor time, and without a way to open a file or a connection.
"""

import os
import resource
import signal
import socket
import sys
from pathlib import Path

import cv2
import imagecodecs
import numpy as np

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.pipe import Levels, Reply, Request, receive, send
from streams.formats.reading import describe, read_page
from streams.formats.writing import stitched

_CODECS = ("lzw", "zlib", "deflate", "packbits", "zstd", "jpeg8", "packints", "delta", "floatpred", "bitorder")
_STANDARD_STREAMS = 3


def main() -> None:
    """Answer requests until the parent closes its end, or is gone."""
    descriptor, memory_bytes, cpu_s = (int(argument) for argument in sys.argv[1:])
    _outlive_signals()
    end = socket.socket(fileno=descriptor)
    cv2.setNumThreads(1)
    confine(memory_bytes)
    send(end, Reply())
    while True:
        try:
            header, blob = receive(end, max_bytes=sys.maxsize)
        except EOFError:
            return
        _allow_processor_time(cpu_s)
        send(end, *_answer(Request.from_json(header), blob))


def _outlive_signals() -> None:
    """Leave Ctrl-C and a stop of the whole service to the parent, which finishes what it has begun."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def confine(memory_bytes: int) -> None:
    """Allow so much memory more than the libraries take, and no new file, connection or core dump."""
    for codec in _CODECS:
        getattr(imagecodecs, f"{codec}_decode")  # the codec's library is loaded now, while files can be opened
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bytes_ = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libpng and libjpeg talk to it
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD_STREAMS, _STANDARD_STREAMS))


def _allow_processor_time(seconds: int) -> None:
    """End this process if one file takes longer: the parent's own clock is of no help once the parent is dead."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


def _answer(request: Request, blob: memoryview) -> tuple[Reply, memoryview]:
    try:
        return _done(request, blob[: request.file_bytes], blob[request.file_bytes :])
    except InvalidImage as error:
        return Reply(invalid=str(error)), memoryview(b"")
    except MemoryError:
        return Reply(invalid="decoding needs more memory than the decoder may take"), memoryview(b"")
    except Exception as error:  # whatever the bytes provoke in this reader is no reason to blame the next image
        return Reply(invalid=f"the reader fails on this file ({type(error).__name__}: {error})"), memoryview(b"")


def _done(request: Request, data: memoryview, selected: memoryview) -> tuple[Reply, memoryview]:
    if request.call == "describe":
        return Reply(description=describe(data, limits=request.limits)), memoryview(b"")
    roi = request.roi or Roi(x=0, y=0, width=1, height=1)
    if request.call == "specimen":
        page = read_page(data, request.page, limits=request.limits)
        levels = np.ascontiguousarray(page.crop(roi))
        header = Levels.model_validate({"dtype": levels.dtype.name, "scale": page.scale})
        return Reply(levels=header), levels.data.cast("B")
    frame = Frame(np.frombuffer(selected, np.float32).reshape(roi.height, roi.width))
    return Reply(), memoryview(stitched(data, request.page, roi, frame, limits=request.limits))


if __name__ == "__main__":
    main()
