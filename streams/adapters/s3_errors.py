"""What the S3 client library's errors are to us.

::

    TRANSIENT       the network, an overloaded or restarting store, a body that arrived incomplete
    MISCONFIGURED   address, certificate, key, bucket or permission: no retry mends it, a person does
    INVALID         the one object cannot be read or written, whatever is tried
    BUG             a call that could never work, of ours or of the library: it ends the process and is seen
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.client import HTTPException
from typing import NoReturn

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from streams.errors import InvalidImage, TransientError, UsageError


class Kind(StrEnum):
    """What can be done about an error."""

    TRANSIENT = "transient"
    MISCONFIGURED = "misconfigured"
    INVALID = "invalid"
    BUG = "bug"


TRANSIENT = (
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.IncompleteReadError,
    boto.ChecksumError,
    boto.FlexibleChecksumError,
    boto.CapacityNotAvailableError,
    boto.EventStreamError,
    boto.WaiterError,
    # credentials that another server hands out
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.TokenRetrievalError,
    # not botocore's own: an answer that is no XML, and what the body's stream lets through
    ResponseParserError,
    HTTPError,
)
MISCONFIGURED = (
    boto.NoCredentialsError,
    boto.NoAuthTokenError,
    boto.PartialCredentialsError,
    boto.UnknownCredentialError,
    boto.UnknownTokenProviderError,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.LoginError,
    boto.ProfileNotFound,
    boto.ConfigParseError,
    boto.ConfigNotFound,
    boto.InvalidConfigError,
    boto.UnknownRegionError,
    boto.InvalidRegionError,
    boto.ServiceNotInRegionError,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidEndpointConfigurationError,
    boto.InvalidIMDSEndpointError,
    boto.InvalidIMDSEndpointModeError,
    boto.InvalidDNSNameError,
    boto.InvalidHostLabelError,
    boto.InvalidProxiesConfigError,
    boto.InvalidDefaultsMode,
    boto.InvalidChecksumConfigError,
    boto.InvalidRetryConfigurationError,
    boto.InvalidEndpointDiscoveryConfigurationError,
    boto.InvalidS3AddressingStyleError,
    boto.InvalidS3UsEast1RegionalEndpointConfigError,
    boto.InvalidSTSRegionalEndpointsConfigError,
    boto.UnsupportedS3ConfigurationError,
    boto.UnsupportedS3AccesspointConfigurationError,
    boto.UnsupportedS3ControlConfigurationError,
    boto.UnsupportedS3ArnError,
    boto.UnsupportedS3ControlArnError,
    boto.UnsupportedOutpostResourceError,
    boto.UnknownSignatureVersionError,
    boto.UnsupportedSignatureVersionError,
    boto.MissingDependencyException,
    boto.MD5UnavailableError,
)
BUGS = (
    boto.DataNotFoundError,
    boto.ApiVersionNotFoundError,
    boto.MissingParametersError,
    boto.ValidationError,
    boto.ParamValidationError,
    boto.UnknownServiceStyle,
    boto.PaginationError,
    boto.OperationNotPageableError,
    boto.UnseekableStreamError,
    boto.InvalidExpressionError,
    boto.WaiterConfigError,
    boto.UnknownClientMethodError,
    boto.StubResponseError,
    boto.UndefinedModelAttributeError,
    boto.AwsChunkedWrapperError,
    boto.UnsupportedServiceProtocolsError,
    boto.UnsupportedTLSVersionWarning,
    boto.ImminentRemovalWarning,
)
OF_THE_NETWORK = (OSError, HTTPError, HTTPException)

KINDS: dict[type, Kind] = {
    **dict.fromkeys(TRANSIENT, Kind.TRANSIENT),
    **dict.fromkeys(MISCONFIGURED, Kind.MISCONFIGURED),
    **dict.fromkeys(BUGS, Kind.BUG),
}

CODES = {
    # it was there a moment ago, or somebody else is writing it
    **dict.fromkeys(("ConditionalRequestConflict", "OperationAborted", "NoSuchUpload"), Kind.TRANSIENT),
    # what arrived is not what was sent
    **dict.fromkeys(("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"), Kind.TRANSIENT),
    **dict.fromkeys(("XAmzContentChecksumMismatch", "XMinioInvalidObjectChecksum"), Kind.TRANSIENT),
    **dict.fromkeys(("SlowDown", "Throttling", "TooManyRequests", "RequestTimeout"), Kind.TRANSIENT),
    **dict.fromkeys(("QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"), Kind.TRANSIENT),
    "TemporaryRedirect": Kind.TRANSIENT,
    "RequestTimeTooSkewed": Kind.TRANSIENT,
    **dict.fromkeys(("InvalidObjectState", "EntityTooLarge", "KeyTooLongError"), Kind.INVALID),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName", "AccessDenied", "AllAccessDisabled"), Kind.MISCONFIGURED),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccountProblem"), Kind.MISCONFIGURED),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), Kind.MISCONFIGURED),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed"), Kind.MISCONFIGURED),
    **dict.fromkeys(("XMinioAccessKeyDisabled", "XAdminUserNotFound"), Kind.MISCONFIGURED),
}
"""What an answer's error code means; one that is not listed goes by its status."""

WHAT_TO_DO = {
    "NoSuchBucket": "create the bucket, or name another in [s3] bucket",
    "AccessDenied": "give the key of [s3] access_key the right to do this; without the right to list a bucket, an"
    " object that is absent is denied too",
    "InvalidAccessKeyId": "check [s3] access_key",
    "XAdminUserNotFound": "check [s3] access_key",
    "SignatureDoesNotMatch": "check [s3] secret_key",
    "AuthorizationHeaderMalformed": "check [s3] region",
    "PermanentRedirect": "check [s3] region and endpoint_url",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "InvalidObjectState": "it is archived: restore it",
}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise the library's errors as ours; ``what`` completes "cannot ..."."""
    try:
        yield
    except boto.ClientError as error:
        _raise(_kind_of_answer(error), f"cannot {what}: {_told(error)}", error)
    except (boto.BotoCoreError, ResponseParserError, HTTPError) as error:
        _raise(_kind_of_failure(error), f"cannot {what}: {' '.join(str(error).split())}", error)


def kind_of(error: type) -> Kind | None:
    """Return what an error class of the library is to us: its own entry, or that of the nearest class above it."""
    return next((KINDS[cls] for cls in error.__mro__ if cls in KINDS), None)


def code_of(error: boto.ClientError) -> str:
    """Return the code of an error answer; a HEAD has no body, and then it is the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: boto.ClientError) -> int:
    """Return the HTTP status of an error answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_absent(error: boto.ClientError) -> bool:
    """Whether an object does not exist."""
    return code_of(error) in {"NoSuchKey", "404", "NotFound"}


def is_there_already(error: boto.ClientError) -> bool:
    """Whether an object was not written because it exists."""
    return status_of(error) == 412


def _raise(kind: Kind | None, message: str, error: Exception) -> NoReturn:
    if kind is None or kind is Kind.BUG:
        raise error
    ours = {Kind.TRANSIENT: TransientError, Kind.MISCONFIGURED: UsageError, Kind.INVALID: InvalidImage}
    raise ours[kind](message) from error


def _kind_of_failure(error: Exception) -> Kind | None:
    if isinstance(error, boto.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Kind.MISCONFIGURED
    wrapped = getattr(error, "kwargs", {}).get("error")
    if type(error) is boto.HTTPClientError and not isinstance(wrapped, OF_THE_NETWORK):
        return Kind.BUG  # the library wraps whatever is raised while it sends
    return kind_of(type(error))


def _kind_of_answer(error: boto.ClientError) -> Kind | None:
    status = status_of(error)
    if code_of(error) in CODES:
        return CODES[code_of(error)]
    if status >= 500 or status in {408, 429}:
        return Kind.TRANSIENT
    return Kind.MISCONFIGURED if status in {301, 302, 307, 308, 401, 403} else kind_of(type(error))


def _told(error: boto.ClientError) -> str:
    code = code_of(error)
    said = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    advice = WHAT_TO_DO.get(code)
    return f"the store answers {status_of(error)} {code}: {said}" + (f" ({advice})" if advice else "")
