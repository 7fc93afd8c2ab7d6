import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from schemas.image import ObjectRef
from streams.adapters import s3_store
from streams.adapters.s3_client import Patience
from streams.adapters.s3_store import S3Store
from streams.bench.chaos.s3_faults import Answer, FaultyS3
from streams.errors import InvalidImage, TransientError, UsageError
from streams.settings import S3Settings
from tests.buckets import OwnBucket, client_of, s3
from tests.gateways import gateway

OBJECT = b"pixels" * 1000
MIB = 1 << 20


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
    store = S3Store(through(proxy, bucket.settings))
    yield store
    store.close()


def through(proxy: FaultyS3, settings: S3Settings) -> S3Settings:
    return settings.model_copy(update={"endpoint_url": proxy.url})


def put(store: S3Store, data: bytes = OBJECT, folder: str = "candidates") -> ObjectRef:
    return store.put(data, folder=folder, suffix=".tif", media_type="image/tiff")


def methods(proxy: FaultyS3) -> list[str]:
    found = [request.method for request, _ in proxy.requests]
    proxy.requests.clear()
    return found


def test_an_object_that_is_there_and_young_is_not_written_again(store: S3Store, proxy: FaultyS3) -> None:
    put(store)
    assert methods(proxy) == ["PUT"]
    put(store)
    assert methods(proxy) == ["PUT", "HEAD"]


def test_an_object_that_is_there_and_old_is_made_young(bucket: OwnBucket, proxy: FaultyS3) -> None:
    """Else `semstream gc` could delete what a worker relies on between its put and its settlement."""
    settings = through(proxy, bucket.settings)
    young, old = S3Store(settings), S3Store(settings, refresh_after=timedelta(seconds=-1))
    put(young)
    methods(proxy)
    ref = put(old)
    assert methods(proxy) == ["PUT", "HEAD", "PUT"]
    assert young.get(ref) == OBJECT
    young.close()
    old.close()


def test_an_object_is_confirmed_by_the_store_s_own_checksum(store: S3Store, bucket: OwnBucket, proxy: FaultyS3) -> None:
    ref = put(store)
    methods(proxy)
    store.confirm(ref)
    assert methods(proxy) == ["HEAD"]
    bucket.client.put_object(Bucket=bucket.name, Key=ref.key, Body=b"P" + OBJECT[1:], ChecksumAlgorithm="SHA256")
    with pytest.raises(InvalidImage, match="size and sha256"):
        store.confirm(ref)
    bucket.client.delete_object(Bucket=bucket.name, Key=ref.key)
    with pytest.raises(InvalidImage, match="gone from the store"):
        store.confirm(ref)


def test_an_object_in_parts_is_confirmed_by_reading_it(
    store: S3Store, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 * MIB)
    ref = put(store, os.urandom(6 * MIB))
    methods(proxy)
    store.confirm(ref)
    assert methods(proxy) == ["HEAD", "GET"]


def test_an_object_that_is_deleted_between_the_two_looks_is_written(
    store: S3Store, bucket: OwnBucket, proxy: FaultyS3
) -> None:
    proxy.inject(Answer(412, "PreconditionFailed"))
    assert store.get(put(store)) == OBJECT


def test_the_media_type_and_the_checksum_are_kept_with_the_object(store: S3Store, bucket: OwnBucket) -> None:
    ref = put(store)
    head = bucket.client.head_object(Bucket=bucket.name, Key=ref.key, ChecksumMode="ENABLED")
    assert (head["ContentType"], len(head["ChecksumSHA256"])) == ("image/tiff", 44)


@pytest.mark.parametrize(
    "key",
    [
        "candidates/../private/a.tif",
        "candidates/./a.tif",
        "candidates//a.tif",
        "/candidates/a.tif",
        "candidates/a.tif/",
        "candidates/..",
        "candidates/a\\b.tif",
        "candidates/a\n.tif",
        "candidates/a%2e%2e/b.tif",
        "candidates/\u2025/b.tif",
        "",
    ],
)
def test_a_key_that_leaves_its_folder_is_refused_before_any_request(store: S3Store, proxy: FaultyS3, key: str) -> None:
    ref = put(store)
    methods(proxy)
    with pytest.raises(InvalidImage, match="no path below a bucket") as refusal:
        store.get(ref.but(key=key))
    assert (methods(proxy), len(str(refusal.value).splitlines())) == ([], 1)


@pytest.mark.parametrize("key", ["secrets/a.tif", "candidates", "candidates-of-others/a.tif"])
def test_a_folder_that_is_not_allowed_is_refused_before_any_request(store: S3Store, proxy: FaultyS3, key: str) -> None:
    ref = put(store)
    methods(proxy)
    with pytest.raises(InvalidImage, match="none of the folders that may be read here: raw/, candidates/") as refusal:
        store.get(ref.but(key=key))
    assert (methods(proxy), len(str(refusal.value).splitlines())) == ([], 1)


def test_another_bucket_is_read_only_when_it_is_named(bucket: OwnBucket) -> None:
    other = OwnBucket(s3())
    ref = put(S3Store(other.settings))
    with pytest.raises(InvalidImage, match=f"bucket '{other.name}' is not configured here"):
        S3Store(bucket.settings).get(ref)
    both = bucket.settings.model_copy(update={"buckets": (other.name,)})
    assert S3Store(both).get(ref) == OBJECT
    other.remove()


def test_nothing_is_written_into_a_folder_that_could_not_be_read_back(store: S3Store, proxy: FaultyS3) -> None:
    with pytest.raises(UsageError, match="the folder secrets/ is not among the prefixes"):
        put(store, folder="secrets")
    assert methods(proxy) == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirection_is_followed(store: S3Store, proxy: FaultyS3, status: int) -> None:
    ref = put(store)
    methods(proxy)
    with FaultyS3(proxy.url) as elsewhere:
        proxy.inject(Answer(status, "PermanentRedirect", location=f"{elsewhere.url}/private/object"))
        with pytest.raises(UsageError, match=f"the store answers {status}"):
            store.get(ref)
        assert methods(elsewhere) == []
    assert methods(proxy) == ["GET"]


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"bucket": "there-is-no-such-bucket"}, "create the bucket"),
        ({"access_key": "nobody"}, "access_key"),
        ({"secret_key": "wrong"}, "secret_key"),
    ],
    ids=["bucket", "access key", "secret key"],
)
def test_wrong_settings_are_one_line_that_says_what_to_mend(change: dict[str, str], advice: str) -> None:
    wrong = S3Settings.model_validate(
        {**s3().model_dump(exclude={"secret_key"}), "secret_key": _secret(s3()), **change}
    )
    store = S3Store(wrong)
    for call in (lambda: put(store), lambda: list(store.objects("candidates"))):
        with pytest.raises(UsageError, match=advice) as refusal:
            call()
        assert "\n" not in str(refusal.value)
        assert _secret(s3()) not in str(refusal.value)
    store.close()


def test_a_store_that_does_not_answer_is_waited_for(bucket: OwnBucket) -> None:
    nobody = bucket.settings.model_copy(update={"endpoint_url": "http://127.0.0.1:1"})
    store = S3Store(nobody, patience=Patience(connect_s=1, attempts=1))
    with pytest.raises(TransientError, match=r"cannot write object candidates/.*127\.0\.0\.1:1"):
        put(store)


def test_a_proxy_of_the_environment_is_not_used_for_a_store_of_ones_own(
    bucket: OwnBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    store = S3Store(bucket.settings)
    assert store.get(put(store)) == OBJECT
    store.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the smallest parts that stores accept."""
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 * MIB)


@pytest.mark.usefixtures("small_parts")
def test_a_large_object_goes_in_parts_and_putting_it_again_sends_nothing(store: S3Store, proxy: FaultyS3) -> None:
    data = os.urandom(12 * MIB)
    ref = put(store, data)
    assert methods(proxy) == ["HEAD", "POST", "PUT", "PUT", "PUT", "POST"]
    assert store.get(ref) == data
    methods(proxy)
    assert put(store, data) == ref
    assert methods(proxy) == ["HEAD"]


@pytest.mark.usefixtures("small_parts")
def test_an_upload_in_parts_that_fails_leaves_nothing_behind(
    store: S3Store, bucket: OwnBucket, proxy: FaultyS3
) -> None:
    """The second part fails twice: the library tries again once."""
    data = os.urandom(11 * MIB)
    seen = iter(range(100))
    proxy.policy = lambda request: Answer(503) if request.method == "PUT" and next(seen) in {1, 2} else None
    with pytest.raises(TransientError, match="503"):
        put(store, data)
    assert (bucket.keys(), _uploads(bucket)) == ([], [])
    assert store.get(put(store, data)) == data


def test_what_a_killed_process_left_of_an_upload_is_dropped_when_it_is_old(store: S3Store, bucket: OwnBucket) -> None:
    for key in ("candidates/ab/left.tif", "not-ours/left.tif"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    now = datetime.now(UTC)
    assert store.drop_unfinished(before=now - timedelta(days=1)) == 0
    assert store.drop_unfinished(before=now + timedelta(days=1)) == 1
    assert _uploads(bucket) == ["not-ours/left.tif"]


def test_more_objects_are_deleted_and_listed_than_fit_in_one_request(
    store: S3Store, bucket: OwnBucket, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "KEYS_A_DELETION", 3)
    refs = [put(store, bytes([n])) for n in range(8)]
    methods(proxy)
    store.delete([ref.key for ref in refs[:7]])
    assert methods(proxy) == ["POST"] * 3
    assert [one.key for one in store.objects("candidates")] == [refs[7].key]


def test_over_tls_the_store_is_read_with_its_own_certificate_and_refused_with_another(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "stranger", "certificate", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    stranger.cert_pem.write_to_path(str(files["stranger"]))
    certificate.cert_chain_pems[0].write_to_path(str(files["certificate"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    options = ("--cert", str(files["certificate"]), "--key", str(files["key"]))
    with gateway(tmp_path / "gateway", *options, scheme="https") as plain:
        settings = plain.model_copy(update={"ca_file": files["ca"]})
        client = client_of(settings)
        client.create_bucket(Bucket=settings.bucket)
        client.close()
        store = S3Store(settings)
        assert store.get(put(store)) == OBJECT
        store.close()
        for untrusting in (settings.model_copy(update={"ca_file": files["stranger"]}), plain):
            store = S3Store(untrusting)
            with pytest.raises(UsageError, match="CERTIFICATE_VERIFY_FAILED") as refusal:
                put(store)
            assert "\n" not in str(refusal.value)
            store.close()


def test_a_certificate_file_that_does_not_exist_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ca_file: there is no file"):
        S3Store(S3Settings(endpoint_url="https://127.0.0.1:1", ca_file=tmp_path / "none.pem"))


def test_an_address_that_is_none_is_said_at_the_start() -> None:
    with pytest.raises(UsageError, match="nowhere"):
        S3Store(S3Settings(endpoint_url="nowhere"))


def _secret(settings: S3Settings) -> str:
    assert settings.secret_key
    return settings.secret_key.get_secret_value()


def _uploads(bucket: OwnBucket) -> list[str]:
    return [upload["Key"] for upload in bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])]
