"""Faces of a photo as rows: where each lies, and 128 numbers that tell whose it is.

dlib is not safe in threads and holds most of Python's lock: photos are dealt to processes of their own
(`python -m preseason.engine.faces FOLDER`), which read pictures from stdin and write rows to stdout.
"""

import struct
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.faces import DESCRIPTOR, POINTS
from preseason.errors import WorkersError
from preseason.runtime.threads import available

MOST = 4
"""Faces of a photo that are described, the largest first."""
WIDTH, PLACE = 128, 4
SHAPE = (MOST, WIDTH + PLACE)
HEADER = struct.Struct("<II")
TRIES = 2
"""Processes that a picture is given to, where one ends over it."""


class FaceReader:
    """dlib's detector, points and descriptor.

    Args:
        folder: where the weight files lie.
    """

    def __init__(self, folder: Path) -> None:
        import dlib

        self._dlib: Any = dlib
        self._find = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(folder / POINTS))
        self._describe = dlib.face_recognition_model_v1(str(folder / DESCRIPTOR))

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Row of a picture uint8 [h, w, 3]: float32 [faces, 128 + 4], zeros where there is no further face.

        The last four columns are the face's box x0 y0 x1 y1 in 0..1 of the picture.
        """
        row, (height, width) = np.zeros(SHAPE, np.float32), picture.shape[:2]
        shown = np.ascontiguousarray(picture)
        found = sorted(self._find(shown, 0), key=lambda face: -face.area())
        for number, face in enumerate(found[:MOST]):
            chip = self._dlib.get_face_chip(shown, self._points(shown, face))
            row[number, :WIDTH] = np.array(self._describe.compute_face_descriptor(chip))
            corners = (face.left() / width, face.top() / height, face.right() / width, face.bottom() / height)
            row[number, WIDTH:] = np.clip(corners, 0, 1)
        return row


class FaceEngine:
    """Rows of photos, by as many processes as there are processors: an `Engine`."""

    precision = "f32"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._helpers: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._started, self._lock = 0, Lock()
        self._pool = ThreadPoolExecutor(max(available(), 1), thread_name_prefix="faces")

    def start(self, batch: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Begin with a photo uint8 [1, h, w, 3]; what is given back waits for float32 [1, faces, 132]."""
        future = self._pool.submit(self._helped, batch[0])
        return lambda: future.result()[None]

    def _helped(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The row, by a process that no other thread uses at the time."""
        for _ in range(TRIES):
            helper = self._free() or self._helpers.get()
            try:
                row = _asked(helper, picture)
            except (OSError, EOFError):  # it died: another one takes its place
                self._drop(helper)
                continue
            self._helpers.put(helper)
            return row
        raise WorkersError(
            f"The process that reads faces ended {TRIES} times on one picture of {picture.shape[1]} x "
            f"{picture.shape[0]} pixels; its last lines say why. Close other programs if memory is short, or "
            "leave faces out: --backbone efficientnet_lite0."
        )

    def _drop(self, helper: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._started -= 1
        helper.kill()
        _end(helper)

    def _free(self) -> "subprocess.Popen[bytes] | None":
        """A new process; None where one is idle, or as many run as there should."""
        with self._lock:
            if self._started >= available() or not self._helpers.empty():
                return None
            self._started += 1
        command = [sys.executable, "-m", "preseason.engine.faces", str(self._folder)]
        helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        weakref.finalize(self, _end, helper)
        return helper


def _asked(helper: "subprocess.Popen[bytes]", picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    assert helper.stdin is not None
    assert helper.stdout is not None
    helper.stdin.write(HEADER.pack(*picture.shape[:2]) + np.ascontiguousarray(picture).tobytes())
    helper.stdin.flush()
    return _row_from(helper.stdout)


def _row_from(stream: IO[bytes]) -> NDArray[np.float32]:
    size = int(np.prod(SHAPE)) * 4
    found = stream.read(size)
    if len(found) != size:
        raise EOFError("a process that reads faces has ended early")
    return np.frombuffer(found, np.float32).reshape(SHAPE)


def _end(helper: "subprocess.Popen[bytes]") -> None:
    """End a process by closing what it reads."""
    for stream in (helper.stdin, helper.stdout):
        if stream is not None:
            with suppress(OSError):  # what was meant for a process that died
                stream.close()
    helper.wait()


def serve(folder: Path, given: IO[bytes], answered: IO[bytes]) -> None:
    """Answer pictures with rows until there are no more."""
    read = FaceReader(folder)
    while len(header := given.read(HEADER.size)) == HEADER.size:
        height, width = HEADER.unpack(header)
        pixels = given.read(height * width * 3)
        row = read(np.frombuffer(pixels, np.uint8).reshape(height, width, 3))
        answered.write(row.tobytes())
        answered.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
