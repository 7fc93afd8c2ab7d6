"""Real S3 stores for tests, and buckets of their own in them."""

import os
import socket
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from streams.settings import S3Settings
from tests.services import absent, settings


def s3() -> S3Settings:
    """Return the settings of the S3 store, which answers."""
    found = settings().s3
    url = urlsplit(found.endpoint_url or "")
    try:
        socket.create_connection((url.hostname or "", url.port or 80), timeout=5).close()
    except OSError as error:
        absent(f"no S3 store at {found.endpoint_url}: {error}")
    return found


def minio() -> S3Settings:
    """Return the settings of the MinIO server that ``SEMSTREAM_TEST_MINIO`` names, with the keys of `make up`."""
    endpoint = os.environ.get("SEMSTREAM_TEST_MINIO")
    if not endpoint:
        pytest.skip("SEMSTREAM_TEST_MINIO names no MinIO server: make test-minio does")
    return settings().s3.model_copy(update={"endpoint_url": endpoint})


class OwnBucket:
    """A bucket of one test, and what is in it."""

    def __init__(self, found: S3Settings) -> None:
        self.settings = found.model_copy(update={"bucket": f"test-{uuid4().hex[:12]}", "buckets": ()})
        self.name = self.settings.bucket
        self.client = client_of(found)
        self.client.create_bucket(Bucket=self.name)

    def keys(self) -> list[str]:
        """Return what is in it."""
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def remove(self) -> None:
        """Delete it with everything in it."""
        for upload in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []):
            self.client.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
        for key in self.keys():
            self.client.delete_object(Bucket=self.name, Key=key)
        self.client.delete_bucket(Bucket=self.name)
        self.client.close()


def client_of(found: S3Settings) -> Any:
    """Return a client that knows nothing of ours."""
    return boto3.client(
        "s3",
        endpoint_url=found.endpoint_url,
        region_name=found.region,
        aws_access_key_id=found.access_key,
        aws_secret_access_key=found.secret_key.get_secret_value() if found.secret_key else None,
        verify=str(found.ca_file) if found.ca_file else None,
    )
