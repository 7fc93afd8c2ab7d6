"""Which objects may be asked for at all: a reference on a topic is a stranger's word."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from schemas.image import ObjectRef
from streams.adapters.content import foreign
from streams.errors import InvalidImage, UsageError
from streams.settings import S3Settings

SEGMENT = re.compile(r"[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*")
"""One step of a key's path. `schemas.image.Key` says the same to whoever parses an event; this is the second lock."""


@dataclass(frozen=True)
class AllowList:
    """One logical store, some buckets, some prefixes of keys; checked before any request is made."""

    store: str
    buckets: Collection[str]
    prefixes: Collection[str]

    @classmethod
    def of(cls, settings: S3Settings) -> Self:
        """Return what the settings allow. A prefix is a folder, with or without its slash."""
        folders = [f"{prefix.rstrip('/')}/" for prefix in settings.prefixes]
        return cls(settings.store, {settings.bucket, *settings.buckets}, folders)

    def check(self, ref: ObjectRef) -> None:
        """Refuse a reference; raises `InvalidImage`."""
        if ref.store != self.store or ref.bucket not in self.buckets:
            raise foreign(ref)
        if not all(map(SEGMENT.fullmatch, ref.key.split("/"))):
            raise InvalidImage(f"the key {ref.key!r} is no path below a bucket")
        if not self.covers(ref.key):
            raise InvalidImage(f"object {ref.key} is in none of the folders that may be read here: {self._folders}")

    def check_folder(self, folder: str) -> None:
        """Refuse to write into a folder that could not be read back; raises `UsageError`."""
        if not self.covers(f"{folder}/"):
            raise UsageError(f"the folder {folder}/ is not among the prefixes of [s3]: {self._folders}")

    def covers(self, key: str) -> bool:
        """Whether a key is in one of the folders."""
        return any(key.startswith(prefix) for prefix in self.prefixes)

    @property
    def _folders(self) -> str:
        return ", ".join(self.prefixes)
