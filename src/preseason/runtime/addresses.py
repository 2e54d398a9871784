"""Addresses of stores, such as `s3://bucket/photos`, and how paths of their local copies are shown."""

import re
from pathlib import Path

PACKAGES = {
    "s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs",
    "hf": "huggingface_hub", "memory": "fsspec",
}  # fmt: skip
"""What reads each kind of store."""
MIRROR = "preseason-mirror"
"""In the cache: the folder of local copies, SCHEME/BUCKET/KEY inside."""
_ADDRESS = re.compile(r"([a-z][a-z0-9]+):/{1,2}([^/\s].*)", re.DOTALL)  # a Path has one slash left


def is_address(place: object) -> bool:
    """Whether a place lies in a store, not on this machine.

    Example:
        >>> is_address("s3://bucket/photos"), is_address("photos"), is_address("https://fifa.com")
        (True, False, False)
    """
    found = _ADDRESS.fullmatch(str(place))
    return found is not None and found[1] in PACKAGES


def address_of(place: object) -> str:
    """An address as it is written: a `Path` of one loses a slash.

    Example:
        >>> address_of(Path("s3://bucket/photos/"))
        's3://bucket/photos'
    """
    found = _ADDRESS.fullmatch(str(place))
    if found is None:
        raise ValueError(f"{place} is no address")
    return f"{found[1]}://{found[2].rstrip('/')}"


def shown(path: Path | str) -> str:
    """A path as its user knows it: a local copy by the address of what was copied.

    Example:
        >>> shown(Path("/cache/preseason-mirror/s3/bucket/messi/1.jpg")), shown("messi/1.jpg")
        ('s3://bucket/messi/1.jpg', 'messi/1.jpg')
    """
    text = str(path)
    if MIRROR not in text:
        return text
    parts = Path(text).parts
    at = parts.index(MIRROR) if MIRROR in parts else len(parts)
    return f"{parts[at + 1]}://{'/'.join(parts[at + 2 :])}" if len(parts) > at + 2 else text
