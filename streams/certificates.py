"""Certificates beside results, and what they tell of the files in a folder."""

from pathlib import Path

import orjson

CERTIFICATE = "sem.certificate.v1"


def certificate_of(path: Path) -> Path:
    """Where the certificate of a result lies."""
    return path.with_name(path.name + ".json")


def is_result(path: Path) -> bool:
    """Whether a file lies beside a certificate: it may be written again."""
    return _certified(certificate_of(path)) is not None


def names_taken(folder: Path) -> dict[str, str]:
    """Return the results that lie below a folder: their paths in lower case, and the acquisitions they are of."""
    found = ((path, _certified(path)) for path in folder.rglob("*.json"))
    return {path.relative_to(folder).as_posix().removesuffix(".json").lower(): owner for path, owner in found if owner}


def _certified(path: Path) -> str | None:
    """Return whose certificate it is, empty where it does not say; None where it is none."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(content, dict) or content.get("certificate") != CERTIFICATE:
        return None
    return str(content.get("acquisition_id", ""))
