"""What is needed to fetch results: topics, ledger, objects, and a decoder that writes files."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.adapters.kafka_log import KafkaLog
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.certificates import names_taken
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.ports import JobLedger
from streams.result_files import ResultFiles
from streams.settings import Settings
from streams.topic_log import TopicLog


@dataclass(frozen=True)
class Shelves:
    """Where selections are found and described, and where they are written."""

    log: TopicLog
    ledger: JobLedger
    files: ResultFiles


@contextmanager
def shelves_at_services(settings: Settings, folder: Path) -> Iterator[Shelves]:
    """Reach Kafka, Postgres and S3; results go into ``folder``, where those of earlier calls keep their names."""
    with ExitStack() as stack:
        log = stack.enter_context(closing(KafkaLog(settings.kafka)))
        ledger = stack.enter_context(closing(SqlLedger.postgres(settings.postgres, connections=1)))
        store = stack.enter_context(closing(S3Store(settings.s3, connections=1)))
        decoder = stack.enter_context(Decoder())
        files = ResultFiles(folder, store, Frames(store, decoder), decoder, taken=names_taken(folder))
        yield Shelves(log, ledger, files)
