"""``semstream bench``: what real services and worker processes bear, in lanes, topics and databases of their own."""

from typing import Annotated

import orjson
import typer
from rich.console import Console

from streams.bench.hops import NOOPS
from streams.bench.kept import keep
from streams.bench.load_tables import print_users
from streams.bench.users import measure_users
from streams.commands.options import AsJson, OutFolder, SettingsFile
from streams.errors import UsageError
from streams.settings import Settings
from streams.wiring.bench import own_lane
from streams.wiring.topics import open_publisher

CLIENTS_AT_MOST = 64


def users(
    *,
    clients: Annotated[
        str, typer.Option(help="How many at one time: numbers, one after the other.")
    ] = "1,2,4,8,16,32,64",
    seconds: Annotated[float, typer.Option(min=1, help="How long each number of clients is measured.")] = 20,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes, each of every stage.")] = 1,
    settings: SettingsFile = None,
    out: OutFolder = None,
    json: AsJson = False,
) -> None:
    """Let clients publish an image, wait for its selected event and publish the next, through stages that do nothing.

    Fairness is the worst client's mean wait over the median client's. The JSON object has the figures of 32 clients.
    """
    found = Settings.load(settings)
    counts = numbers(clients, "--clients", at_most=CLIENTS_AT_MOST)
    with own_lane(found, NOOPS) as (lane, open_reader):
        measured = measure_users(
            lane, open_reader, lambda: open_publisher(found), clients=counts, seconds=seconds, processes=processes
        )
    print_users(Console(), measured)
    if out is not None:
        keep(out, "users", measured.figures(), measured.charts())
    if json:
        print(orjson.dumps(measured.figures()).decode())  # noqa: T201 - the interface


def numbers(text: str, option: str, *, at_most: int) -> list[int]:
    """Return the numbers that an option lists; raises `UsageError` for what is none or out of bounds.

    >>> numbers("1,2,32", "--clients", at_most=64)
    [1, 2, 32]
    """
    found = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(found) < text.count(",") + 1 or not all(1 <= number <= at_most for number in found):
        raise UsageError(f"{option} {text}: give numbers from 1 to {at_most} with commas between, such as 1,2,4")
    return found
