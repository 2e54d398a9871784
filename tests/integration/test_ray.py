"""Actors of a Ray cluster on this machine give the model that one process gives (where Ray is installed)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import preseason
from preseason.errors import PreseasonError, UsageError
from preseason.fitting import ray

pytestmark = pytest.mark.slow
SETTINGS: dict[str, Any] = {"head": "linear", "unfreeze": 0, "backbone": "test_resnet", "image_size": 96}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="ray is an extra")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("default")
def test_actors_fit_as_one_process_does(cluster: None, photos: Path, weights: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    settings = SETTINGS | {"weights": str(weights), "cache": str(cache)}
    together = ray.fit(photos, tmp_path / "together", 2, **settings)
    alone = preseason.fit(photos, tmp_path / "alone", **settings | {"cache": str(tmp_path / "other")})
    assert isinstance(together, preseason.Model)
    assert isinstance(alone, preseason.Model)
    assert together.record.score.value == alone.record.score.value
    path = next((photos / "boxing").iterdir())
    assert together.predict(path)[0].probabilities == pytest.approx(
        alone.predict(path)[0].probabilities, abs=1e-3
    )
    assert list(cache.glob("work/*/*.done"))


@pytest.mark.filterwarnings("default")
def test_what_goes_wrong_in_an_actor_is_raised_here(cluster: None, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PreseasonError):
        ray.fit(tmp_path / "empty", tmp_path / "m", 1, cache=str(tmp_path / "cache"))


def test_without_workers_there_is_no_fit(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is an extra")
    with pytest.raises(UsageError, match="workers=0"):
        ray.fit(tmp_path, tmp_path / "m", 0)
