"""How the topics of a pipeline are set up, as its file says."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class TopicOptions:
    """How the topics of a pipeline are set up: what `semstream topics create` makes and `check` compares.

    Copies and those that must have acknowledged follow from the number of brokers where they are not given.
    """

    partitions: Annotated[int, Field(ge=1)] = 8
    replication_factor: Annotated[int, Field(ge=1)] | None = None
    min_insync_replicas: Annotated[int, Field(ge=1)] | None = None
    retention_hours: Annotated[int, Field(ge=1)] = 7 * 24
    dead_letter_retention_hours: Annotated[int, Field(ge=1)] = 30 * 24
    max_message_bytes: Annotated[int, Field(ge=1_048_588)] = 1_048_588
    """No less than the brokers' default, to which the largest event is fitted."""
