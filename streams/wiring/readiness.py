"""The services without which a worker cannot work, asked whether they answer."""

from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.s3_client import Patience
from streams.adapters.s3_store import S3Store
from streams.doctor import Probe, check_store
from streams.ports import JobLedger
from streams.settings import Settings

PATIENCE_S = 3.0
ABSENT = "readyz"
"""The key of no outcome."""


def worker_probes(settings: Settings, ledger: JobLedger) -> tuple[Probe, ...]:
    """Return a check of each service that must answer; the cache need not."""
    admin = KafkaAdmin(settings.kafka)
    patience = Patience(connect_s=PATIENCE_S, read_s=PATIENCE_S, attempts=1)
    store = S3Store(settings.s3, connections=1, patience=patience)

    def kafka() -> str:
        return f"{len(admin.metadata(within_s=PATIENCE_S).brokers)} broker(s)"

    def postgres() -> str:
        return f"{len(ledger.bodies([ABSENT]))} outcomes of that name"

    return (Probe("kafka", kafka), Probe("s3", lambda: check_store(store)), Probe("postgres", postgres))
