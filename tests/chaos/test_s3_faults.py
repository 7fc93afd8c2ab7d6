"""A store that is sick in every way that a network or a server can be: nothing is lost, nothing wrong is believed."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest

from schemas.image import ObjectRef
from streams.adapters.s3_client import Patience
from streams.adapters.s3_store import READS, S3Store
from streams.bench.chaos.s3_faults import (
    Altered,
    Answer,
    Delayed,
    Fault,
    FaultyS3,
    Request,
    Reset,
    Shortened,
    Truncated,
)
from streams.errors import InvalidImage, TransientError
from tests.buckets import OwnBucket, s3

T = TypeVar("T")

OBJECT = b"pixels" * 1000
ONE_TRY = Patience(attempts=1)
IMPATIENT = Patience(read_s=0.5, attempts=1)
DELAY = Delayed(1.0)
TRIES = 60
FAULTS: tuple[Fault, ...] = (
    Answer(503, "SlowDown"),
    Answer(500),
    Answer(500, late=True),
    Answer(429, "TooManyRequests"),
    Truncated(),
    Shortened(),
    Altered(),
    Reset(),
    Reset(late=True),
)


@pytest.fixture
def bucket() -> Iterator[OwnBucket]:
    bucket = OwnBucket(s3())
    yield bucket
    bucket.remove()


@pytest.fixture
def proxy(bucket: OwnBucket) -> Iterator[FaultyS3]:
    with FaultyS3(bucket.settings.endpoint_url or "") as proxy:
        yield proxy


@pytest.fixture
def store(bucket: OwnBucket, proxy: FaultyS3) -> Iterator[S3Store]:
    """Each fault reaches us: the library does not try again by itself."""
    store = S3Store(bucket.settings.model_copy(update={"endpoint_url": proxy.url}), patience=ONE_TRY)
    yield store
    store.close()


@pytest.fixture
def impatient(bucket: OwnBucket, proxy: FaultyS3) -> Iterator[S3Store]:
    settings = bucket.settings.model_copy(update={"endpoint_url": proxy.url})
    store = S3Store(settings, connections=4, patience=IMPATIENT)
    yield store
    store.close()


def put(store: S3Store, data: bytes = OBJECT) -> ObjectRef:
    return store.put(data, folder="candidates", suffix=".tif", media_type="image/tiff")


def patiently(call: Callable[[], T]) -> T:
    """Try again as a worker does, only at once."""
    for _ in range(TRIES):
        try:
            return call()
        except TransientError as error:
            last = error
    raise AssertionError(f"no success in {TRIES} tries") from last


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_write_that_meets_a_fault_is_there_after_the_next_try(
    store: S3Store, bucket: OwnBucket, proxy: FaultyS3, fault: Fault
) -> None:
    proxy.inject(fault)
    ref = patiently(lambda: put(store))
    assert proxy.faults_left() == 0
    assert bucket.keys() == [ref.key]
    assert store.get(ref) == OBJECT


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_read_that_meets_a_fault_is_right_after_the_next_try(store: S3Store, proxy: FaultyS3, fault: Fault) -> None:
    ref = put(store)
    proxy.inject(fault)
    assert patiently(lambda: store.get(ref)) == OBJECT
    assert proxy.faults_left() == 0


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_that_lasts_is_transient_and_never_the_images_fault(
    store: S3Store, proxy: FaultyS3, fault: Fault
) -> None:
    ref = put(store)
    proxy.policy = lambda request: fault if request.method == "GET" else None
    with pytest.raises(TransientError, match="object candidates/") as raised:
        store.get(ref)
    assert "\n" not in str(raised.value)


def test_what_the_network_says_of_an_object_is_no_verdict(store: S3Store, proxy: FaultyS3) -> None:
    """A question about the object is spoilt as well, three times of ten, as the answers with its bytes are."""
    ref = put(store)
    dice = random.Random(8)
    proxy.policy = lambda _: dice.choice([Shortened(), Shortened(), Truncated(), None, None])
    for _ in range(40):
        assert patiently(lambda: store.get(ref)) == OBJECT
        patiently(lambda: store.confirm(ref))
    asked = [fault for request, fault in proxy.requests if request.method == "HEAD"]
    assert Shortened() in asked
    proxy.policy = lambda _: Shortened()
    with pytest.raises(TransientError, match="look at the network"):
        store.get(ref)


def test_a_torn_object_is_altered_at_once(store: S3Store, bucket: OwnBucket) -> None:
    ref = put(store)
    bucket.client.put_object(Bucket=bucket.settings.bucket, Key=ref.key, Body=OBJECT[:-1])
    with pytest.raises(InvalidImage, match="does not have the size and sha256"):
        store.get(ref)
    with pytest.raises(InvalidImage, match="does not have the size and sha256"):
        store.confirm(ref)


def test_an_answer_that_takes_too_long_is_transient_and_what_it_did_stands(
    impatient: S3Store, bucket: OwnBucket, proxy: FaultyS3
) -> None:
    proxy.policy = lambda _: DELAY
    with pytest.raises(TransientError, match="timeout"):
        put(impatient)
    proxy.policy = lambda _: None
    ref = patiently(lambda: put(impatient))
    assert bucket.keys() == [ref.key]
    proxy.inject(DELAY)
    assert patiently(lambda: impatient.get(ref)) == OBJECT


def test_an_object_that_is_deleted_while_it_is_read_is_gone(store: S3Store, proxy: FaultyS3) -> None:
    ref = put(store)
    answers: dict[str, Fault] = {"GET": Altered(), "HEAD": Answer(404, "NoSuchKey")}
    proxy.policy = lambda request: answers[request.method]
    with pytest.raises(InvalidImage, match="gone from the store"):
        store.get(ref)


def test_bytes_that_rotted_on_the_stores_disk_are_the_same_wrong_ones_each_time_and_no_use_waiting_for(
    store: S3Store, proxy: FaultyS3
) -> None:
    ref = put(store)
    proxy.policy = lambda request: Altered(on_disk=True) if request.method == "GET" else None
    with pytest.raises(InvalidImage, match="size and sha256"):
        store.get(ref)
    assert [request.method for request, _ in proxy.requests] == ["PUT", *["GET"] * READS, "HEAD"]


def test_the_library_tries_a_second_time_at_once_so_that_a_closed_connection_troubles_nobody(
    bucket: OwnBucket, proxy: FaultyS3
) -> None:
    store = S3Store(bucket.settings.model_copy(update={"endpoint_url": proxy.url}))
    proxy.inject(Reset())
    ref = put(store)
    proxy.inject(Reset(late=True))
    assert (put(store), store.get(ref)) == (ref, OBJECT)
    store.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_storm_of_faults_four_threads_lose_nothing(
    impatient: S3Store, bucket: OwnBucket, proxy: FaultyS3, seed: int
) -> None:
    proxy.policy = _storm(seed, share=0.4)
    objects = [os.urandom(20_000) for _ in range(40)]

    def there_and_back(data: bytes) -> bool:
        ref = patiently(lambda: put(impatient, data))
        return patiently(lambda: impatient.get(ref)) == data

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, objects))
    proxy.policy = lambda request: None
    assert bucket.keys() == sorted(patiently(partial(put, impatient, data)).key for data in objects)
    assert {fault for _, fault in proxy.requests if fault} == {*FAULTS, DELAY}


def _storm(seed: int, *, share: float) -> Callable[[Request], Fault | None]:
    dice, lock = random.Random(seed), threading.Lock()

    def policy(_: Request) -> Fault | None:
        with lock:
            return dice.choice((*FAULTS, DELAY)) if dice.random() < share else None

    return policy
