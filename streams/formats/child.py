"""The sandbox's child: ``python -m streams.formats.child FD MEMORY_BYTES CPU_S``. Started by `streams.formats.sandbox`.

It decodes what it is sent, with a bounded memory and processor time, and without a way to open a file or a connection.
"""

import errno
import importlib
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
from streams.errors import InvalidImage
from streams.formats.page import one_line
from streams.formats.pipe import Levels, Reply, Request, receive, send
from streams.formats.reading import describe, read_page
from streams.formats.writing import stitched

_CODECS = ("lzw", "zlib", "deflate", "packbits", "zstd", "jpeg8", "ljpeg", "packints", "delta", "floatpred", "bitorder")
_LATE_MODULES = ("numpy.ma", "encodings.cp1252", "encodings.latin_1")
_STANDARD_STREAMS = 3
_NOTHING = memoryview(b"")


def main() -> None:
    """Answer requests until the parent closes its end, or is gone."""
    descriptor, memory_bytes, cpu_s = (int(argument) for argument in sys.argv[1:])
    _outlive_signals()
    end = socket.socket(fileno=descriptor)
    cv2.setNumThreads(1)
    preload()
    confine(memory_bytes)
    send(end, Reply())
    while True:
        try:
            header, blob = receive(end, max_bytes=sys.maxsize)
        except EOFError:
            return
        _allow_processor_time(cpu_s)
        send(end, *_answer(Request.from_json(header), blob))


def preload() -> None:
    """Load what the libraries would load on first use, while files can still be opened."""
    for module in _LATE_MODULES:
        importlib.import_module(module)
    for codec in _CODECS:
        getattr(imagecodecs, f"{codec}_decode")


def confine(memory_bytes: int) -> None:
    """Allow so much memory more than the libraries take, and no new file, connection or core dump."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libpng and libjpeg talk to it
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD_STREAMS, _STANDARD_STREAMS))


def _outlive_signals() -> None:
    """Leave Ctrl-C and a stop of the whole service to the parent, which finishes what it has begun."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def _allow_processor_time(seconds: int) -> None:
    """End this process if one file takes longer: the parent's own clock is of no help once the parent is dead."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, hard))


def _answer(request: Request, blob: memoryview) -> tuple[Reply, memoryview]:
    try:
        return _done(request, blob[: request.file_bytes], blob[request.file_bytes :])
    except Exception as error:  # what the bytes provoke in this reader is a property of the file
        return _complaint(error), _NOTHING


def _done(request: Request, data: memoryview, selected: memoryview) -> tuple[Reply, memoryview]:
    if request.call == "describe" or request.roi is None:
        return Reply(description=describe(data, bits=request.bits, limits=request.limits)), _NOTHING
    if request.call == "specimen":
        page = read_page(data, request.page, request.bits, limits=request.limits)
        levels = np.ascontiguousarray(page.crop(request.roi))
        header = Levels.model_validate({"dtype": levels.dtype.name, "scale": page.scale})
        return Reply(levels=header), levels.data.cast("B")
    frame = Frame(np.frombuffer(selected, np.float32).reshape(request.roi.height, request.roi.width))
    file = stitched(data, request.page, request.roi, frame, request.bits, limits=request.limits)
    return Reply(), memoryview(file)


def _complaint(error: Exception) -> Reply:
    if fault := _own_fault(error):
        return Reply(fault=fault)
    match error:
        case InvalidImage():
            return Reply(invalid=str(error))
        case MemoryError():
            return Reply(invalid="decoding needs more memory than the decoder may take")
        case _:
            return Reply(invalid=f"the reader fails on this file ({type(error).__name__}: {one_line(error)})")


def _own_fault(error: BaseException | None) -> str | None:
    """Find, behind an error, a library that was not preloaded: no image is to blame for it."""
    while error:
        if isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno == errno.EMFILE):
            return f"{type(error).__name__}: {one_line(error)}"
        error = error.__cause__ or error.__context__
    return None


if __name__ == "__main__":
    main()
    os._exit(0)  # the interpreter's own way out takes 0.1 s of a core, and nothing is left to be written
