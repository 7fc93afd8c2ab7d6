import inspect

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError
from urllib3.exceptions import IncompleteRead, ProtocolError

from streams.adapters.s3_errors import Kind, kind_of, translated
from streams.errors import InvalidImage, TransientError, UsageError

ROOTS = {boto.BotoCoreError, boto.ClientError}
"""What all others derive from: an entry for them would make every class mapped, and this test vacuous."""
CLASSES = [
    cls for cls in vars(boto).values() if inspect.isclass(cls) and issubclass(cls, Exception) and cls not in ROOTS
]


def failing(error: Exception) -> None:
    with translated("read object a"):
        raise error


def answer(code: str, status: int) -> boto.ClientError:
    parts = {"Error": {"Code": code, "Message": "so it is"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(parts, "GetObject")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_class_of_the_library_is_mapped(cls: type[Exception]) -> None:
    assert kind_of(cls) in set(Kind)


def test_the_roots_are_not_mapped_so_that_a_new_class_is_noticed() -> None:
    assert {kind_of(root) for root in ROOTS} == {None}
    assert len(CLASSES) > 80


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="http://s3"),
        boto.ConnectTimeoutError(endpoint_url="http://s3"),
        boto.ReadTimeoutError(endpoint_url="http://s3"),
        boto.ConnectionClosedError(endpoint_url="http://s3"),
        boto.ResponseStreamingError(error="cut"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        boto.HTTPClientError(error=OSError("no route to host")),
        boto.SSLError(endpoint_url="https://s3", error="EOF occurred in violation of protocol"),
        ResponseParserError("no XML"),
        ProtocolError("cut"),
        IncompleteRead(1, 2),
        answer("SlowDown", 503),
        answer("InternalError", 500),
        answer("", 502),
        answer("RequestTimeout", 400),
        answer("BadDigest", 400),
        answer("NoSuchUpload", 404),
        answer("ConditionalRequestConflict", 409),
        answer("whatever it is called", 429),
        answer("XMinioStorageFull", 507),
    ],
    ids=str,
)
def test_what_may_pass_is_transient_and_told_in_one_line(error: Exception) -> None:
    with pytest.raises(TransientError, match="cannot read object a: ") as raised:
        failing(error)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (answer("NoSuchBucket", 404), "create the bucket"),
        (answer("AccessDenied", 403), "the right to do this"),
        (answer("403", 403), "403"),
        (answer("InvalidAccessKeyId", 403), "access_key"),
        (answer("SignatureDoesNotMatch", 403), "secret_key"),
        (answer("PermanentRedirect", 301), "region"),
        (answer("301", 301), "301"),
        (boto.NoCredentialsError(), "credentials"),
        (boto.SSLError(endpoint_url="https://s3", error="[SSL: CERTIFICATE_VERIFY_FAILED]"), "CERTIFICATE"),
        (boto.InvalidEndpointConfigurationError(msg="no such thing"), "no such thing"),
    ],
    ids=str,
)
def test_what_only_a_person_mends_ends_the_process_with_one_line(error: Exception, advice: str) -> None:
    with pytest.raises(UsageError, match=advice) as raised:
        failing(error)
    assert "\n" not in str(raised.value)


def test_an_archived_object_is_the_images_fault() -> None:
    with pytest.raises(InvalidImage, match="restore it"):
        failing(answer("InvalidObjectState", 403))


@pytest.mark.parametrize(
    "error",
    [
        boto.ParamValidationError(report="no"),
        boto.HTTPClientError(error=TypeError("a bug behind the library's catch-all")),
        answer("MalformedXML", 400),
    ],
    ids=str,
)
def test_a_call_that_can_never_work_crashes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        failing(error)
    assert raised.value is error
