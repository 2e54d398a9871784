"""Any rows in, the same rows out; keys that differ whenever anything that shapes a row differs."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from preseason.backbones.base import Backbone
from preseason.backbones.facts import Preprocessing
from preseason.data.dataset import Sample, Text
from preseason.engine.bank import Loose, Shelf
from preseason.engine.extract import Order
from preseason.engine.passes import Box, FeatureSpec
from preseason.inference.candidates import Candidate
from preseason.models.manifest import candidate_from, candidate_values

SHAPE = (2, 3)
KEYS = st.text("0123456789abcdef-", min_size=1, max_size=20)
HALF = st.binary(min_size=12, max_size=12).map(
    lambda content: np.nan_to_num(np.frombuffer(content, np.float16).reshape(SHAPE))
)
UNITS = st.integers(0, 10_000).map(lambda n: n / 10_000)
BOXES = st.builds(Box, UNITS, UNITS, UNITS, UNITS)
PASSES = st.builds(
    FeatureSpec,
    size=st.integers(32, 512),
    crops=st.lists(BOXES, max_size=2).map(tuple),
    dynamic_crops=st.integers(0, 6),
    regions=st.lists(BOXES, min_size=1, max_size=2).map(tuple),
    blocks=st.lists(st.integers(0, 8), max_size=2).map(tuple),
    kept=st.sampled_from(["pooled", "map"]),
    cut=st.integers(0, 9),
)
CHANNELS = st.tuples(*3 * [st.sampled_from([0.25, 0.5])])
PREPROCESSINGS = st.builds(Preprocessing, st.integers(32, 512), CHANNELS, CHANNELS, st.booleans())


@limits(max_examples=30, deadline=None)
@given(st.lists(st.tuples(KEYS, HALF), max_size=12), st.integers(0, 12))
def test_rows_come_back_whole_also_after_reopening(written: list[tuple[str, Any]], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shelf, loose = Shelf(Path(folder) / "a", SHAPE, "test"), Loose(SHAPE)
        for part in (written[:cut], written[cut:]):
            with shelf.writer() as writer:
                for key, row in dict(part).items():
                    writer.append(key, row)
                    loose.append(key, row)
        expected = dict(written)
        keys = list(expected)
        assert shelf.missing(keys) == []
        for rows in (shelf.rows(keys)[:], loose.rows(keys)):
            np.testing.assert_array_equal(rows, np.array(list(expected.values())).reshape(-1, *SHAPE))
        again = Shelf(Path(folder) / "a", SHAPE, "test")
        assert (again.missing(keys), again.damaged) == ([], 0)
        np.testing.assert_array_equal(again.rows(keys)[:], shelf.rows(keys)[:])


@limits(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 255), st.data())
def test_no_damage_to_the_files_gives_a_wrong_row(place: int, value: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = {f"key{n}": np.full(SHAPE, n + 1, np.float16) for n in range(5)}
        with Shelf(Path(folder) / "a", SHAPE, "test").writer() as writer:
            for key, row in rows.items():
                writer.append(key, row)
        file = data.draw(st.sampled_from(sorted((Path(folder) / "a").glob("*.[rk]*"))))
        content = bytearray(file.read_bytes())
        content[place % len(content)] = value
        file.write_bytes(content)
        shelf = Shelf(Path(folder) / "a", SHAPE, "test")
        missing = shelf.missing(list(rows))
        assert len(missing) < 5 or file.suffix == ".keys"
        for key in set(rows) - set(missing):
            np.testing.assert_array_equal(shelf.rows([key])[0], rows[key])


class Network:
    """What the key of a pass reads of a backbone."""

    def __init__(self, weights_id: str, preprocessing: Preprocessing) -> None:
        self.weights_id, self.preprocessing = weights_id, preprocessing


def key_of(spec: FeatureSpec, weights: str, preprocessing: Preprocessing, precision: str) -> str:
    network: Any = Network(weights, preprocessing)
    shown: Backbone = network
    return spec.key(shown, precision)


SETTINGS = st.tuples(
    PASSES, st.sampled_from(["aa", "bb"]), PREPROCESSINGS, st.sampled_from(["f32", "autocast"])
)


@given(SETTINGS, SETTINGS)
def test_shelves_are_shared_exactly_when_every_setting_is_the_same(one: Any, other: Any) -> None:
    assert (key_of(*one) == key_of(*other)) == (one == other)


@given(PASSES, PASSES, PREPROCESSINGS)
def test_each_single_setting_of_a_pass_changes_the_key(
    one: FeatureSpec, other: FeatureSpec, given_: Preprocessing
) -> None:
    for name in ("size", "crops", "dynamic_crops", "regions", "blocks", "kept", "cut"):
        changed = replace(one, **{name: getattr(other, name)})
        same = key_of(changed, "aa", given_, "f32") == key_of(one, "aa", given_, "f32")
        assert same == (changed == one), name


@given(st.lists(BOXES, max_size=3), st.lists(BOXES, max_size=3), st.sampled_from("ab"), st.sampled_from("ab"))
def test_orders_share_a_row_exactly_when_photo_and_looks_are_the_same(
    one: list[Box], other: list[Box], first: str, second: str
) -> None:
    orders = [
        Order(Sample(Text("x"), fingerprint=f), tuple(crops)) for f, crops in ((first, one), (second, other))
    ]
    assert (orders[0].key() == orders[1].key()) == (one == other and first == second)


@given(BOXES.filter(lambda box: box.x0 != box.x1))
def test_a_mirrored_look_is_another_look(box: Box) -> None:
    sample = Sample(Text("x"), fingerprint="f")
    assert Order(sample, (box,)).key() != Order(sample, (box.mirrored(),)).key()
    assert box.mirrored().mirrored() == box


PLAIN = st.one_of(st.none(), st.integers(), st.booleans(), st.text(), st.lists(st.integers()))


@given(
    st.text(),
    st.text(),
    PASSES,
    st.none() | st.text(),
    st.none() | st.integers(1, 9),
)
def test_a_candidate_survives_json(
    name: str,
    head: str,
    spec: FeatureSpec,
    origin: str | None,
    fold_models: int | None,
) -> None:
    candidate = Candidate(name, head, spec, origin, fold_models=fold_models)
    assert candidate_from(json.loads(json.dumps(candidate_values(candidate)))) == candidate
