"""An image that ends every worker that touches it becomes a dead letter, and takes no other image with it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile

from schemas.events import DeadLetter
from streams.pipeline import DEAD_LETTERS, load_pipeline
from streams.wiring.topics import open_log
from tests.folders import write_images
from tests.site import Site, site

ROOT = Path(__file__).parents[2]
PIPELINE = 'path = ["tests.toys:Fatal", "tests.toys:Pick"]\n'


@contextmanager
def restarted_worker(here: Site, pipeline: Path) -> Iterator[list[int]]:
    """Run a worker process, and start it again whenever it dies, while the block runs; yields its exit codes."""
    place = ["--lane", here.lane, "--pipeline", str(pipeline), "--settings", str(here.folder / "settings.toml")]
    command = [sys.executable, "-m", "streams.cli", "worker", "--all", *place]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEMSTREAM_WORKER_STATE": str(here.folder / "node")}
    codes: list[int] = []
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def supervise() -> None:
        while not over.is_set() and len(codes) < 6:
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL))
            codes.append(running[-1].wait())

    thread = threading.Thread(target=supervise)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        running[-1].send_signal(signal.SIGTERM)
        thread.join(60)


def letters_about(here: Site, name: str) -> list[DeadLetter]:
    """Read the dead letters about an image."""
    log = open_log(here.settings)
    try:
        messages = list(log.read(DEAD_LETTERS, log.extent(DEAD_LETTERS)))
    finally:
        log.close()
    found = [DeadLetter.from_json(message.value or b"") for message in messages]
    return [letter for letter in found if letter.source_name == name]


def test_the_third_death_is_a_dead_letter_and_the_others_are_selected(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_images(folder, 5, first=900_000)
    fatal = np.random.default_rng(7).integers(1, 256, (24, 24), dtype=np.uint8)
    fatal[0, 0] = 0
    name = f"fatal-{os.urandom(4).hex()}.tif"
    tifffile.imwrite(folder / name, fatal)
    pipeline = tmp_path / "pipeline.toml"
    pipeline.write_text(PIPELINE)
    with site(load_pipeline(pipeline), tmp_path) as here:
        here.publish(str(folder))
        with restarted_worker(here, pipeline) as codes:
            events = here.selected(5)
            while not (letters := letters_about(here, name)) and len(codes) < 6:
                threading.Event().wait(1)
        assert sorted({event.acquisition.source_name for event in events}) == sorted(
            path.name for path in folder.iterdir() if path.name != name
        )
        assert len(events) == 5
        assert ["3 workers died" in letter.reason for letter in letters] == [True]
        assert codes[:-1] == [139, 139, 139]
        assert codes[-1] == 0
