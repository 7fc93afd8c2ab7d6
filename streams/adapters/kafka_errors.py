"""What each of Kafka's error codes means here. A test shows that none is left out.

A code says what went wrong; its flags (`fatal`, `txn_requires_abort`, `retriable`) what may be done about it inside a
transaction: `streams.adapters.kafka_transactions` looks at those first.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto

import structlog
from confluent_kafka import KafkaError, KafkaException

from streams.errors import InvalidImage, TransientError, UsageError

log = structlog.get_logger()


class Kind(Enum):
    """The classes of errors."""

    PASSING = auto()
    """The cluster is not ready or the group moves: among messages librdkafka gets over it, a call is tried again."""
    USAGE = auto()
    """Settings, permissions or topics are wrong: somebody has to put them right."""
    LOST_OFFSETS = auto()
    """There is no position to read on from. Never fall back to an end of the topic in silence."""
    TOO_LARGE = auto()
    """A message that Kafka will not take, however often it is sent."""
    FATAL = auto()
    """A bug, a fenced client, or a client that cannot go on: the process ends and is seen."""


_PASSING = """
    _TRANSPORT _ALL_BROKERS_DOWN _RESOLVE _MSG_TIMED_OUT _PARTITION_EOF _TIMED_OUT _TIMED_OUT_QUEUE _ISR_INSUFF
    _WAIT_COORD _WAIT_CACHE _IN_PROGRESS _PREV_IN_PROGRESS _CONFLICT _INTR _RETRY _NODE_UPDATE _UNKNOWN_BROKER
    _DESTROY_BROKER _NOOP _MAX_POLL_EXCEEDED _ASSIGNMENT_LOST _ASSIGN_PARTITIONS _REVOKE_PARTITIONS _OUTDATED
    _QUEUE_FULL _PARTIAL NO_ERROR UNKNOWN INVALID_MSG LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION
    REQUEST_TIMED_OUT BROKER_NOT_AVAILABLE REPLICA_NOT_AVAILABLE STALE_CTRL_EPOCH NETWORK_EXCEPTION
    COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR NOT_ENOUGH_REPLICAS
    NOT_ENOUGH_REPLICAS_AFTER_APPEND ILLEGAL_GENERATION UNKNOWN_MEMBER_ID REBALANCE_IN_PROGRESS NOT_CONTROLLER
    CONCURRENT_TRANSACTIONS KAFKA_STORAGE_ERROR REASSIGNMENT_IN_PROGRESS FETCH_SESSION_ID_NOT_FOUND
    INVALID_FETCH_SESSION_EPOCH FENCED_LEADER_EPOCH UNKNOWN_LEADER_EPOCH STALE_BROKER_EPOCH OFFSET_NOT_AVAILABLE
    MEMBER_ID_REQUIRED PREFERRED_LEADER_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE ELECTION_NOT_NEEDED
    NO_REASSIGNMENT_IN_PROGRESS UNSTABLE_OFFSET_COMMIT THROTTLING_QUOTA_EXCEEDED OPERATION_NOT_ATTEMPTED
    UNKNOWN_TOPIC_ID INCONSISTENT_TOPIC_ID FENCED_MEMBER_EPOCH STALE_MEMBER_EPOCH TRANSACTION_ABORTABLE
    REBOOTSTRAP_REQUIRED UNRELEASED_INSTANCE_ID _INCONSISTENT LISTENER_NOT_FOUND
"""
_USAGE = """
    _SSL _AUTHENTICATION _UNKNOWN_TOPIC _UNKNOWN_PARTITION _INVALID_ARG _UNSUPPORTED_FEATURE _UNKNOWN_GROUP _NOENT
    _FS _NOT_CONFIGURED UNKNOWN_TOPIC_OR_PART TOPIC_EXCEPTION INVALID_REQUIRED_ACKS INCONSISTENT_GROUP_PROTOCOL
    INVALID_GROUP_ID INVALID_SESSION_TIMEOUT TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED
    CLUSTER_AUTHORIZATION_FAILED UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE UNSUPPORTED_VERSION
    TOPIC_ALREADY_EXISTS INVALID_PARTITIONS INVALID_REPLICATION_FACTOR INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG
    POLICY_VIOLATION UNSUPPORTED_FOR_MESSAGE_FORMAT INVALID_TRANSACTION_TIMEOUT
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED SECURITY_DISABLED SASL_AUTHENTICATION_FAILED
    DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_OWNER_MISMATCH
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DELEGATION_TOKEN_AUTHORIZATION_FAILED DELEGATION_TOKEN_EXPIRED
    INVALID_PRINCIPAL_TYPE NON_EMPTY_GROUP GROUP_ID_NOT_FOUND TOPIC_DELETION_DISABLED UNSUPPORTED_COMPRESSION_TYPE
    GROUP_MAX_SIZE_REACHED GROUP_SUBSCRIBED_TO_TOPIC INVALID_RECORD RESOURCE_NOT_FOUND DUPLICATE_RESOURCE
    UNACCEPTABLE_CREDENTIAL PRINCIPAL_DESERIALIZATION_FAILURE UNSUPPORTED_ASSIGNOR MISMATCHED_ENDPOINT_TYPE
    UNSUPPORTED_ENDPOINT_TYPE INVALID_REGULAR_EXPRESSION INVALID_TIMESTAMP OFFSET_METADATA_TOO_LARGE
"""
_LOST_OFFSETS = "_AUTO_OFFSET_RESET _LOG_TRUNCATION _NO_OFFSET OFFSET_OUT_OF_RANGE"
_TOO_LARGE = "MSG_SIZE_TOO_LARGE INVALID_MSG_SIZE RECORD_LIST_TOO_LARGE"
_FATAL = """
    _BAD_MSG _BAD_COMPRESSION _DESTROY _FAIL _CRIT_SYS_RESOURCE _EXISTING_SUBSCRIPTION _STATE _UNKNOWN_PROTOCOL
    _NOT_IMPLEMENTED _KEY_SERIALIZATION _VALUE_SERIALIZATION _KEY_DESERIALIZATION _VALUE_DESERIALIZATION _READ_ONLY
    _UNDERFLOW _INVALID_TYPE _PURGE_QUEUE _PURGE_INFLIGHT _FATAL _GAPLESS_GUARANTEE _FENCED _APPLICATION
    _INVALID_DIFFERENT_RECORD INVALID_COMMIT_OFFSET_SIZE INVALID_REQUEST OUT_OF_ORDER_SEQUENCE_NUMBER
    DUPLICATE_SEQUENCE_NUMBER INVALID_PRODUCER_EPOCH INVALID_TXN_STATE INVALID_PRODUCER_ID_MAPPING
    TRANSACTION_COORDINATOR_FENCED LOG_DIR_NOT_FOUND UNKNOWN_PRODUCER_ID FENCED_INSTANCE_ID PRODUCER_FENCED
    INCONSISTENT_VOTER_SET INVALID_UPDATE_VERSION FEATURE_UPDATE_FAILED UNKNOWN_CONTROLLER_ID
    UNKNOWN_SUBSCRIPTION_ID TELEMETRY_TOO_LARGE INVALID_REGISTRATION INVALID_RECORD_STATE SHARE_SESSION_NOT_FOUND
    INVALID_SHARE_SESSION_EPOCH FENCED_STATE_EPOCH INVALID_VOTER_KEY DUPLICATE_VOTER VOTER_NOT_FOUND
    STREAMS_INVALID_TOPOLOGY STREAMS_INVALID_TOPOLOGY_EPOCH STREAMS_TOPOLOGY_FENCED SHARE_SESSION_LIMIT_REACHED
"""
KINDS = {
    name: kind
    for kind, names in (
        (Kind.PASSING, _PASSING),
        (Kind.USAGE, _USAGE),
        (Kind.LOST_OFFSETS, _LOST_OFFSETS),
        (Kind.TOO_LARGE, _TOO_LARGE),
        (Kind.FATAL, _FATAL),
    )
    for name in names.split()
}


def kind_of(error: KafkaError) -> Kind:
    """Return an error's class; what this version of the library does not know is fatal."""
    return KINDS.get(error.name(), Kind.FATAL)


def cause_of(error: KafkaException) -> KafkaError:
    """Return the error that an exception carries."""
    cause = error.args[0]
    assert isinstance(cause, KafkaError)  # noqa: S101 - librdkafka's own exceptions carry nothing else
    return cause


def exception_for(error: KafkaError, doing: str) -> Exception:
    """Return what to raise where a call failed; ``doing`` says which, as in "publishing to sem.images"."""
    kind = kind_of(error)
    if kind is Kind.PASSING:
        return TransientError(f"{doing} did not succeed ({error.str()}); check the brokers")
    if kind is Kind.TOO_LARGE:
        return InvalidImage(f"{doing}: the event is larger than Kafka takes ({error.str()})")
    if kind in (Kind.USAGE, Kind.LOST_OFFSETS):
        return UsageError(f"{doing}: {error.str()}{_REMEDIES.get(error.name(), '')}")
    return KafkaException(error)


_MISSING_TOPIC = "; create it with semstream topics create (--lane for another one than live and replay)"
_LOGIN = "; check [kafka] username, password and security_protocol"
_REMEDIES = {
    "UNKNOWN_TOPIC_OR_PART": _MISSING_TOPIC,
    "_UNKNOWN_TOPIC": _MISSING_TOPIC,
    "_UNKNOWN_PARTITION": _MISSING_TOPIC,
    "_AUTHENTICATION": _LOGIN,
    "SASL_AUTHENTICATION_FAILED": _LOGIN,
    "UNSUPPORTED_SASL_MECHANISM": "; check [kafka] sasl_mechanism",
    "_SSL": "; check [kafka] ca_file and the brokers' names",
    "_UNSUPPORTED_FEATURE": "; brokers older than 4.0 need [kafka] group_protocol = 'classic'",
    "UNSUPPORTED_VERSION": "; brokers older than 4.0 need [kafka] group_protocol = 'classic'",
}


class ClientErrors:
    """What librdkafka says besides the results of calls: up to 1,500 lines in one outage of a broker.

    Each code is logged once in ``every_s``. The last refusal of a login is kept, for calls that then only time out.
    """

    def __init__(self, *, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}
        self.refusal: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """Take an error in; this is librdkafka's ``error_cb``."""
        name = error.name()
        if kind_of(error) is Kind.USAGE:
            self.refusal = error
        with self._lock:
            now = self._clock()
            if now - self._logged_at.get(name, -self._every_s) < self._every_s:
                self._unlogged[name] = self._unlogged.get(name, 0) + 1
                return
            self._logged_at[name] = now
            repeated = self._unlogged.pop(name, 0)
        log.warning("kafka_client_error", code=name, text=error.str(), repeated=repeated)

    def check(self, doing: str) -> None:
        """Raise `UsageError` where the brokers refused this client's login."""
        if self.refusal is not None:
            raise exception_for(self.refusal, doing)
