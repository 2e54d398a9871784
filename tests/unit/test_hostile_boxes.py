"""Some of the thousand broken or odd sets of boxes of `benchmarks/hostile_boxes.py`: none crashes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hostile() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hostile_boxes", ROOT / "benchmarks" / "hostile_boxes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hostile_boxes"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def test_broken_sets_of_boxes_are_read_or_refused_in_a_sentence(hostile: ModuleType) -> None:
    outcomes, failures = hostile.run(range(32))
    assert failures == []
    assert outcomes["read"] + outcomes["read, with something named"] >= 8
    assert outcomes["refused in a sentence"] >= 2


def test_a_set_that_is_read_wrongly_is_seen(hostile: ModuleType) -> None:
    def wrong(root: Path) -> str:
        raise AssertionError(root)

    outcomes, failures = hostile.run(range(2), wrong)
    assert (sum(outcomes.values()), len(failures)) == (0, 2)
