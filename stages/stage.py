"""The contract of a stage, and of a method that restores frames."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, Protocol

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.frame import Frame, Pixels
from schemas.model import Record, digest
from schemas.scores import RAW, Result
from stages.noise import Noise


@dataclass(frozen=True)
class Task:
    """One image of a batch: what is known of it, the parts asked for, and the frames that the stage said it needs.

    ``frames`` maps a candidate's name (`RAW` for the frame as written, ``"reference"`` for a clean one) to its pixels.
    """

    event: ImageEvent
    wanted: tuple[str, ...]
    frames: Mapping[str, Frame]

    @property
    def raw(self) -> Frame:
        """The frame as the instrument wrote it."""
        return self.frames[RAW]


@dataclass(frozen=True)
class Part:
    """One result: a record that goes into the ledger and the event, and its frame where there is one."""

    record: Record
    frame: Frame | None = None


@dataclass(frozen=True)
class Done:
    """What a stage computed for an image: every part that was asked for, by name."""

    parts: Mapping[str, Part]


@dataclass(frozen=True)
class Rejected:
    """An image that this stage cannot process, and why: a sentence that tells its owner what to do."""

    reason: str


Outcome = Done | Rejected


class Stage(ABC):
    """A frozen dataclass whose fields are its options; called with a batch, it gives one outcome an image, in order.

    It has no state between calls, never sees the clock, a logger or a server, and leaves its inputs untouched.
    A stage of your own needs ``name``, ``version`` and ``__call__``: it then has one part, ``"result"``, computed from
    the raw frame and kept in the event under ``results[name]``.
    """

    name: ClassVar[str]
    """Names the consumer group, the ledger's rows and the telemetry."""
    emits: ClassVar[str] = ""
    """Last word of the topic written, ``sem.<emits>``; the stage's name unless said otherwise."""
    version: ClassVar[int] = 1
    """Raised by hand whenever the same options would give another result."""
    follows: ClassVar[tuple[str, ...]] = ()
    """Names of stages whose work this one reads: where they are in a pipeline, they come before it."""
    record: ClassVar[type[Record]] = Result
    """What a part's record is."""
    light: ClassVar[bool] = False
    """Whether a call costs less than waiting for a free core would."""

    @property
    def at_once(self) -> int:
        """How many frames of one shape it is quickest with; on a CPU one, whose pixels stay in the cache."""
        return 1

    @abstractmethod
    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Compute the wanted parts of every image; as many outcomes as images, in order."""

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """Names of the parts of this image's outcome and the config hash of each; known before anything is computed."""
        return {"result": digest({"stage": self.name, "version": self.version, "options": options_of(self)})}

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """Names of the frames that computing takes; the runtime fetches no others."""
        return (RAW,)

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        """Return the event with this stage's records (every part's, computed or remembered) added."""
        values = {name: record.model_dump(mode="json") for name, record in records.items()}
        return event.but(results={**event.results, self.name: values["result"]["values"]})


class Method(Protocol):
    """A way to restore frames: a frozen dataclass whose fields are its parameters."""

    version: ClassVar[int]

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each ``(H, W)`` float32 frame given its noise; same shapes, finite, inputs untouched.

        Deterministic, and independent of the other frames in the batch.
        """


Restore = Callable[[Sequence[Pixels], Sequence[Noise]], list[Pixels]]


def options_of(value: object) -> dict[str, JsonValue]:
    """Return the options of a frozen dataclass as JSON values."""
    return asdict(value)  # type: ignore[call-overload, no-any-return]  # every stage and method is a dataclass


def identity_of(method: Method) -> dict[str, JsonValue]:
    """Return what makes a method's result what it is: its class with its module, version, parameters, and weights.

    A method with weights or a precision of its own says so in ``identity()``.
    """
    own = getattr(method, "identity", None)
    parameters = own() if own else options_of(method)
    name = f"{type(method).__module__}:{type(method).__qualname__}"
    return {"method": name, "version": method.version, "parameters": parameters}


def config_hash_of(method: Method, *, input_hash: str = RAW) -> str:
    """``config_hash`` of a candidate: its method's identity and the hash of its input."""
    return digest({**identity_of(method), "input": input_hash})
