"""An object store behind the S3 API."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from schemas.image import ObjectRef
from streams.adapters.allow_list import AllowList
from streams.adapters.content import altered, gone, reference
from streams.adapters.s3_client import DEFAULT_PATIENCE, Patience, s3_client
from streams.adapters.s3_errors import is_absent, is_there_already, translated
from streams.adapters.s3_upload import upload_in_parts
from streams.errors import InvalidImage, TransientError
from streams.ports import StoredObject
from streams.settings import S3Settings

PUBLISH = "publish its file again (semstream publish --state NEW FILE), then semstream dlq retry what failed of it"
READS = 3
"""Times that the store is asked before an object is called altered: the network's faults are hardly alike so often."""
REFRESH_AFTER = timedelta(days=1)
"""An object older than this is written again when somebody relies on it anew; see `S3Store.put`."""
PART_BYTES = 64 << 20
"""Objects larger than this are uploaded in parts of this size."""
KEYS_A_DELETION = 1000


@dataclass(frozen=True)
class Stored:
    """What the store says of an object without sending it."""

    size_bytes: int
    sha256: str | None
    """Hex digits; ``None`` where the store keeps none of the whole object."""
    age: timedelta

    def contradicts(self, ref: ObjectRef) -> bool:
        """Whether it is another object than the one that is meant."""
        return self.size_bytes != ref.size_bytes or self.sha256 not in {None, ref.sha256}


class S3Store:
    """Objects in a bucket. One client for all threads; ``connections`` should be as many as there are threads.

    Parameters
    ----------
    settings
        Where, with which key, and what may be read at all.
    connections
        Connections kept open.
    refresh_after
        Age from which `put` writes an object again that is there already.

    Raises
    ------
    UsageError
        By any method: the address, the certificate, the key or the bucket is wrong, which no retry mends.
    """

    def __init__(
        self,
        settings: S3Settings,
        *,
        connections: int = 10,
        patience: Patience = DEFAULT_PATIENCE,
        refresh_after: timedelta = REFRESH_AFTER,
    ) -> None:
        self._client = s3_client(settings, connections=connections, patience=patience)
        self._allowed = AllowList.of(settings)
        self._store = settings.store
        self._bucket = settings.bucket
        self._refresh_after = refresh_after

    def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
        """Write unless it is there already.

        An object that is there, but was written longer than ``refresh_after`` ago, is written again, which makes it
        young. `streams.eviction` deletes only what no live outcome names and nobody wrote for days, so between this
        call and the moment at which the caller's outcome is settled the object cannot become fair game.
        The age is taken from the store's own clock.
        """
        self._allowed.check_folder(folder)
        ref = reference(
            data, store=self._store, bucket=self._bucket, folder=folder, suffix=suffix, media_type=media_type
        )
        with translated(f"write object {ref.key}"):
            if len(data) > PART_BYTES:
                if not self._may_rely_on(ref):
                    upload_in_parts(self._client, ref, data, part_bytes=PART_BYTES)
            elif not self._create(ref, data) and not self._may_rely_on(ref):
                self._client.put_object(**_request(ref, data))
        return ref

    def get(self, ref: ObjectRef) -> bytes:
        """Read the object and check it; what arrives wrong is read again before it is called altered."""
        self._allowed.check(ref)
        arrived = set[tuple[int, str]]()
        for _ in range(READS):
            announced, data = self._read(ref)
            digest = hashlib.sha256(data).hexdigest() if data is not None else ""
            if data is not None and digest == ref.sha256:
                return data
            arrived.add((announced, digest))
        raise self._verdict(ref, arrived)

    def confirm(self, ref: ObjectRef) -> None:
        """Ask the store whether it holds the object whole; raises `InvalidImage` where it does not.

        Its own checksum answers. Of an upload in parts it has none, so that is read, as is what it calls another one.
        """
        self._allowed.check(ref)
        with translated(f"confirm object {ref.key}"):
            stored = self._head(ref)
        if stored is None:
            raise gone(ref, publish=PUBLISH)
        if stored.contradicts(ref) or stored.sha256 is None:
            self.get(ref)

    def vanished(self, refs: Iterable[ObjectRef]) -> list[ObjectRef]:
        """Return none: it would take a request each.

        What `streams.eviction` deletes was evicted from the ledger before, so no outcome answers with it; if one is
        gone all the same, whoever reads it says so.
        """
        return []

    def objects(self, folder: str) -> Iterator[StoredObject]:
        """List the objects below a folder."""
        with translated(f"list {folder}/ in bucket {self._bucket}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{folder}/")
            for page in pages:
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], item["LastModified"])

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects of the store's own bucket."""
        listed = [{"Key": key} for key in keys]
        with translated(f"delete objects from bucket {self._bucket}"):
            for start in range(0, len(listed), KEYS_A_DELETION):
                some = {"Objects": listed[start : start + KEYS_A_DELETION], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self._bucket, Delete=some)
                for failure in answer.get("Errors", []):
                    raise ClientError({"Error": failure, **_status_of(failure)}, "DeleteObjects")

    def drop_unfinished(self, *, before: datetime) -> int:
        """Abort uploads in parts that were begun before then; their parts take room and are listed nowhere else."""
        dropped = 0
        with translated(f"abort unfinished uploads in bucket {self._bucket}"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket)
            for upload in (upload for page in pages for upload in page.get("Uploads", [])):
                if upload["Initiated"] < before and self._allowed.covers(upload["Key"]):
                    where = {"Bucket": self._bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                    self._client.abort_multipart_upload(**where)
                    dropped += 1
        return dropped

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _create(self, ref: ObjectRef, data: bytes) -> bool:
        """Write, unless it exists; False if it does."""
        try:
            self._client.put_object(**_request(ref, data), IfNoneMatch="*")
        except ClientError as error:
            if is_there_already(error):
                return False
            raise
        return True

    def _may_rely_on(self, ref: ObjectRef) -> bool:
        """Whether the object is there, is what it should be, and young."""
        stored = self._head(ref)
        return stored is not None and not stored.contradicts(ref) and stored.age < self._refresh_after

    def _read(self, ref: ObjectRef) -> tuple[int, bytes | None]:
        """Return the size that is announced, and the body where that is the right one."""
        with translated(f"read object {ref.key}"):
            try:
                answer = self._client.get_object(Bucket=ref.bucket, Key=ref.key)
            except ClientError as error:
                if is_absent(error):
                    raise gone(ref, publish=PUBLISH) from error
                raise
            with closing(answer["Body"]) as body:
                announced = int(answer.get("ContentLength", -1))
                return announced, bytes(body.read()) if announced == ref.size_bytes else None

    def _verdict(self, ref: ObjectRef, arrived: Collection[tuple[int, str]]) -> InvalidImage | TransientError:
        """Say who is at fault when nothing that arrived, as sizes and digests, was right.

        Bytes that rot under a checksum taken before are the same wrong ones at every read.
        """
        with translated(f"read object {ref.key}"):
            stored = self._said(ref)
        if stored is None:
            return gone(ref, publish=PUBLISH)
        if len(arrived) == 1:
            ((announced, digest),) = arrived
            if digest or (stored.contradicts(ref) and stored.size_bytes == announced):
                return altered(ref, publish=PUBLISH)
        return TransientError(f"object {ref.key} arrives incomplete or altered, {READS} times; look at the network")

    def _said(self, ref: ObjectRef) -> Stored | None:
        """Return what the store says of an object; what contradicts the reference is asked for again."""
        answers: list[Stored] = []
        while len(answers) < READS:
            stored = self._head(ref)
            if stored is None or not stored.contradicts(ref):
                return stored
            answers.append(stored)
        if len({(stored.size_bytes, stored.sha256) for stored in answers}) > 1:
            raise TransientError(f"object {ref.key} is said to be another one at every question; look at the network")
        return answers[0]

    def _head(self, ref: ObjectRef) -> Stored | None:
        try:
            answer = self._client.head_object(Bucket=ref.bucket, Key=ref.key, ChecksumMode="ENABLED")
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return Stored(answer["ContentLength"], _whole_sha256(answer), now - answer["LastModified"])


def _request(ref: ObjectRef, data: bytes) -> dict[str, Any]:
    digest = base64.b64encode(bytes.fromhex(ref.sha256)).decode()
    where = {"Bucket": ref.bucket, "Key": ref.key, "ContentType": ref.media_type}
    return {**where, "Body": data, "ChecksumSHA256": digest}


def _whole_sha256(answer: dict[str, Any]) -> str | None:
    """Return the checksum as hex digits; that of an upload in parts is of their checksums, and says nothing."""
    digest = str(answer.get("ChecksumSHA256", ""))
    if not digest or "-" in digest or answer.get("ChecksumType") == "COMPOSITE":
        return None
    return base64.b64decode(digest).hex()


def _status_of(failure: dict[str, Any]) -> dict[str, Any]:
    """Return the status that an error of one key would have had by itself."""
    return {"ResponseMetadata": {"HTTPStatusCode": 500 if failure.get("Code") == "InternalError" else 0}}
