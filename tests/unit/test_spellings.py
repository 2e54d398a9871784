"""One class written in several ways is one class, in the data and against a model."""

from dataclasses import replace
from pathlib import Path

import pytest

from preseason.data.dataset import Dataset, Sample, Text
from preseason.data.spellings import joined, renames, same_class, spelling_key
from preseason.errors import UsageError


def dataset(*labels: str) -> Dataset:
    samples = tuple(Sample(Text(f"{label} {at}"), label) for at, label in enumerate(labels))
    return Dataset(Path("d"), "texts", samples, tuple(sorted(set(labels))))


def labels(found: Dataset) -> list[str | None]:
    return [sample.label for sample in found.samples]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("Messi", "messi"),
        ("MESSI", "messi"),
        ("Mo Salah", "Mo  Salah"),
        ("Mo Salah", "Mo\u00a0Salah"),
        ("Messi", "Messi\u200b"),
        ("Messi", "\ufeffMessi"),
        ("Messi", "Ｍｅｓｓｉ"),
        ("Müller", "Mu\u0308ller"),
        ("True", "true"),
        ("0", "0.0"),
        ("1", "1.00"),
        ("2", "２"),
        ("1.5", "1,50"),
        ("0", "-0"),
    ],
)
def test_what_is_written_almost_the_same_is_one_class(first: str, other: str) -> None:
    assert spelling_key(first) == spelling_key(other)
    found = joined(dataset(first, first, other))
    assert labels(found) == [first] * 3
    assert found.labels == (first,)
    assert f"read as {first!r}" in found.notes[0]
    assert joined(dataset(other, "x"), known=(first, "y")).labels == tuple(sorted((first, "x")))


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("01", "1"),
        ("a", "A"),
        ("7", "07"),
        ("-1", "1"),
        ("Mo Salah", "mo-salah"),
        ("1e3", "1000"),
        ("ß", "s"),
    ],
)
def test_codes_letters_and_other_words_stay_apart(first: str, other: str) -> None:
    found = joined(dataset(first, other, other))
    assert labels(found) == [first, other, other]
    assert found.notes == ()


def test_labels_are_renamed_and_kept_apart_when_asked() -> None:
    data = dataset("Mo Salah", "mo-salah", "US", "us", "us")
    found = joined(data, rename=("mo-salah=Mo Salah", "US=US"))
    assert labels(found) == ["Mo Salah", "Mo Salah", "US", "us", "us"]
    assert found.notes == ()
    with pytest.raises(UsageError, match=r"no label is called 'mo-sala'\. Did you mean 'mo-salah'"):
        joined(data, rename=("mo-sala=x",))
    with pytest.raises(UsageError, match="expected OLD=NEW"):
        joined(data, rename=("x=",))
    assert renames(("a=b=c",), ("a=b",)) == {"a=b": "c"}


def test_the_spelling_of_the_model_counts() -> None:
    found = joined(dataset("messi", "messi", "SALAH"), known=("Messi", "Salah"))
    assert labels(found) == ["Messi", "Messi", "Salah"]
    both = joined(dataset("messi", "Messi"), known=("Messi", "messi"))
    assert labels(both) == ["messi", "Messi"]
    assert same_class("messi", ("Messi", "Salah")) == "Messi"
    assert same_class("Messi", ("Messi", "Salah")) is None


def test_parts_that_write_labels_differently_are_one_class() -> None:
    data = dataset("Messi", "Salah", "messi", "salah")
    parts = ("train", "train", "test", "test")
    samples = tuple(replace(sample, split=part) for sample, part in zip(data.samples, parts, strict=True))
    assert joined(replace(data, samples=samples)).labels == ("Messi", "Salah")
