"""Fixtures of the whole suite: a feature bank of its own, pictures, and one fitted model to look at."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import preseason
from preseason.demo import Pictures, render

# The same examples in every run: a check that fails by luck tells nobody anything.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The feature bank of this run, so that tests neither use nor fill that of the user."""
    before = os.environ.get("PRESEASON_CACHE")
    cache = tmp_path_factory.mktemp("cache")
    os.environ["PRESEASON_CACHE"] = str(cache)
    yield cache
    if before is None:
        del os.environ["PRESEASON_CACHE"]
    else:
        os.environ["PRESEASON_CACHE"] = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the project; tests that need them are skipped where there are none."""
    if not SHARED.is_dir():
        pytest.skip(f"no data sets in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Labelled pictures: eight games, 12 each to learn from, 4 of unseen settings, 2 of unseen games."""
    pytest.importorskip("ale_py", reason="the pictures are rendered by ale-py")
    return render(tmp_path_factory.mktemp("pictures"), per_setting=6, per_new_setting=4, per_stranger=2)


@pytest.fixture(scope="session")
def model_folder(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of `pictures.photos` with a linear head; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "games"
    preseason.fit(pictures.photos, folder, head="linear", unfreeze=0)
    return folder
