from collections import Counter
from pathlib import Path

import pytest

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import Accept
from preseason.data.layouts import read
from preseason.data.split import hold_out, leaks
from preseason.media import image

FOOTBALLERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "footballers"


def with_parts(parts: list[str | None], groups: dict[int, str] | None = None) -> Dataset:
    samples = tuple(
        Sample(File(Path(f"{index}.png")), "ab"[index % 2], (groups or {}).get(index), split=split)
        for index, split in enumerate(parts)
    )
    return Dataset(Path(), "parts", samples, ("a", "b"))


@pytest.mark.parametrize(
    ("parts", "held"),
    [
        (["train", "validation", "test", "test"], [2, 3]),
        (["train", "train", "validation", None], [2]),
        (["train", "test", None, None], [1]),
    ],
)
def test_the_users_split_is_kept(parts: list[str | None], held: list[int]) -> None:
    train, test = hold_out(with_parts(parts), 0.5, 0)
    assert test.tolist() == held
    assert train.tolist() == [index for index in range(4) if index not in held]


@pytest.mark.parametrize("split", ["train", "test", None])
def test_one_part_alone_is_no_split(split: str | None) -> None:
    train, test = hold_out(with_parts([split] * 10), 0.2, 0)
    assert (len(train), len(test)) == (8, 2)


def test_leaks_of_a_users_split_are_found() -> None:
    dataset = with_parts(["train", "train", "test", "test"], {0: "m1", 2: "m1"})
    assert leaks(dataset, *hold_out(dataset, 0.2, 0)) == ((0, 2),)
    free = with_parts([None] * 12, {0: "m1", 2: "m1"})
    assert leaks(free, *hold_out(free, 0.3, 0)) == ()


def test_seeds_draw_differently_and_new_samples_move_few() -> None:
    samples = tuple(Sample(File(Path(f"{i}.png")), "ab"[i % 2], fingerprint=f"{i:032x}") for i in range(200))
    dataset = Dataset(Path(), "folders", samples, ("a", "b"))
    held = {seed: set(hold_out(dataset, 0.2, seed)[1].tolist()) for seed in (0, 1)}
    assert held[0] != held[1]
    more = dataset.keep((*samples, Sample(File(Path("new.png")), "a", fingerprint="f" * 32)))
    assert len(held[0] ^ set(hold_out(more, 0.2, 0)[1].tolist())) <= 3


@pytest.mark.skipif(not FOOTBALLERS.is_dir(), reason="../shared/data/footballers is not there")
def test_footballers_are_held_out_evenly() -> None:
    dataset = read(FOOTBALLERS, Accept(image.check, "photos"))
    _, test = hold_out(dataset, 0.2, 0)
    counts = Counter(dataset.samples[index].label for index in test)
    assert len(test) == 99
    assert set(counts.values()) <= {19, 20}
