"""Tar shards as WebDataset writes them, and Parquet files with a column of pictures or sounds."""

from functools import partial
from pathlib import Path

from preseason.data.dataset import Dataset
from preseason.data.files import Accept
from preseason.data.layouts.base import Layout, layouts
from preseason.data.shards import PARQUET, TAR, read_shards, shards_at
from preseason.errors import DataError


def matches(root: Path, layout: str) -> bool:
    """Whether `root` is a shard of this layout, or a folder of them."""
    found = shards_at(root)
    return found is not None and found.layout == layout


def read(root: Path, accept: Accept) -> Dataset:
    """The examples in the shards; nothing is unpacked.

    Raises:
        DataError: nothing usable is there.
    """
    shards = shards_at(root)
    if shards is None:
        raise DataError(f"{root} holds other files than tar shards or Parquet files with pictures or sounds.")
    return read_shards(shards, accept)


layouts.add(TAR, Layout("tar shards with 0001.jpg and 0001.cls", 3, True, partial(matches, layout=TAR), read))
layouts.add(
    PARQUET,
    Layout(
        "Parquet files with a column of pictures or sounds", 4, True, partial(matches, layout=PARQUET), read
    ),
)
