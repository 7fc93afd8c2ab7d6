"""Uploads in parts, for objects that are too large for one request."""

import base64
import hashlib
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from schemas.image import ObjectRef


def upload_in_parts(client: Any, ref: ObjectRef, data: bytes, *, part_bytes: int) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """Upload; the object appears whole at the end or not at all, and what was begun is dropped.

    Parts that a killed process leaves are dropped by `S3Store.drop_unfinished`.
    """
    where = {"Bucket": ref.bucket, "Key": ref.key}
    begun = client.create_multipart_upload(**where, ContentType=ref.media_type, ChecksumAlgorithm="SHA256")
    upload = {**where, "UploadId": begun["UploadId"]}
    try:
        starts = range(0, len(data), part_bytes)
        parts = [_part(client, upload, n, data[at : at + part_bytes]) for n, at in enumerate(starts, start=1)]
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    except BaseException:
        # The error that ended the upload is the one to be told; a store that is away drops the parts by its own rule.
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**upload)
        raise


def _part(client: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:  # noqa: ANN401
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    answer = client.upload_part(**upload, PartNumber=number, Body=body, ChecksumSHA256=digest)
    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}
