"""Objects that are named by their content: what every store says and checks alike."""

import hashlib

from schemas.image import ObjectRef
from streams.errors import InvalidImage, ObjectLost

CANDIDATES = "candidates"
"""Folder of what can be computed again."""


def reference(data: bytes, *, store: str, bucket: str, folder: str, suffix: str, media_type: str) -> ObjectRef:
    """Return the reference under which bytes are kept."""
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{folder}/{sha256[:2]}/{sha256}{suffix}"
    return ObjectRef.model_construct(
        store=store, bucket=bucket, key=key, size_bytes=len(data), sha256=sha256, media_type=media_type
    )


def is_content_of(ref: ObjectRef, data: bytes) -> bool:
    """Whether bytes are those that a reference means."""
    return len(data) == ref.size_bytes and hashlib.sha256(data).hexdigest() == ref.sha256


def foreign(ref: ObjectRef) -> InvalidImage:
    """Say that nothing here is read from there."""
    return InvalidImage(f"store '{ref.store}' with bucket '{ref.bucket}' is not configured here")


def gone(ref: ObjectRef, *, publish: str) -> ObjectLost:
    """Say that an object does not exist, and how to get it back; ``publish`` says how an image is published again."""
    return ObjectLost(ref.key, f"object {ref.key} is gone from the store; {_again(ref, publish)}")


def altered(ref: ObjectRef, *, publish: str) -> ObjectLost:
    """Say that the store holds something else than a reference means, and how to put that right."""
    what = f"object {ref.key} does not have the size and sha256 that its reference says"
    return ObjectLost(ref.key, f"{what}; {_again(ref, publish)}")


def _again(ref: ObjectRef, publish: str) -> str:
    return "replay its image, and it is computed again" if _is_candidate(ref) else publish


def _is_candidate(ref: ObjectRef) -> bool:
    return ref.key.startswith(f"{CANDIDATES}/")
