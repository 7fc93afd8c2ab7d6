"""A crew at a transport in memory, running in a thread of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from streams.crew import Crew, Pace
from streams.job import Desk
from streams.pipeline import Step
from streams.telemetry import Telemetry
from streams.transport import Message, Partition
from tests.echo_worker import EchoWorker
from tests.memory_transport import MemoryTransport
from tests.toys import Shade

P0, P1 = Partition("t", 0), Partition("t", 1)
DESK = Desk(Step(Shade(), "t", "u"), "live", "p1")
QUICK = Pace(handlers=2, batch_age_s=0, revoke_deadline_s=20)
Respond = Callable[[Sequence[Message]], None]


def messages(partition: Partition, count: int, *, size: int = 1) -> list[Message]:
    return [Message(partition, n, 0, None, f"{partition.number}/{n}".encode().ljust(size), ()) for n in range(count)]


Start = Callable[..., tuple[Crew, "Future[None]"]]


@contextmanager
def crews() -> Iterator[Start]:
    """Give what starts a crew; all are asked to stop in the end."""
    started: list[Crew] = []
    with ThreadPoolExecutor() as pool:

        def start(
            transport: MemoryTransport,
            respond: Respond = lambda messages: None,
            *,
            pace: Pace = QUICK,
            telemetry: Telemetry | None = None,
        ) -> tuple[Crew, "Future[None]"]:
            crew = Crew(EchoWorker(DESK, transport, respond), transport, pace, telemetry or Telemetry())
            started.append(crew)
            return crew, pool.submit(crew.run)

        yield start
        for crew in started:
            crew.stop()
