"""Models on the Hugging Face hub: a small server on this machine speaks the hub's protocol."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.utils import filter_repo_objects

from local_hub import Hub, served
from preseason.errors import UsageError
from preseason.models.hub import fetch, push
from preseason.storage import PATTERNS, is_own


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    with served() as found:
        yield found


def asked(
    address: str, home: Path, *arguments: str, offline: bool = False
) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own: the hub's client reads its address when it is imported."""
    hub = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_TOKEN": "hf_own", "HF_HUB_DISABLE_XET": "1",
           "HF_HUB_OFFLINE": str(int(offline)), "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "preseason", *arguments],
        env=os.environ | hub, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


@pytest.mark.slow
def test_a_model_travels_over_the_hub(hub: tuple[str, type[Hub]], mood_folder: Path, tmp_path: Path) -> None:
    address, server = hub
    pushed = asked(address, tmp_path / "anna", "push", str(mood_folder), "anna/mood", "--private", "--json")
    assert pushed.returncode == 0, pushed.stderr
    assert json.loads(pushed.stdout)["address"] == "hf://anna/mood"
    assert server.private == {"anna/mood": True}
    stored = set(server.files["anna/mood"])
    assert {"preseason.json", "README.md", "known.safetensors"} <= stored
    assert "report.html" not in stored, "it shows the training examples"

    told = asked(address, tmp_path / "ben", "predict", "hf://anna/mood", "great goal", "--json", "-q")
    assert told.returncode == 0, told.stderr
    there = json.loads(told.stdout)["predictions"][0]
    local = ["predict", str(mood_folder), "great goal", "--json", "-q"]
    here = json.loads(asked(address, tmp_path / "ben", *local).stdout)
    assert there["probabilities"] == here["predictions"][0]["probabilities"]

    again = asked(
        "http://127.0.0.1:9", tmp_path / "ben", "predict", "hf://anna/mood", "great goal", "-q", offline=True
    )
    assert again.returncode == 0, "what was fetched once is there without a network"
    absent = asked(address, tmp_path / "ben", "predict", "hf://anna/nothing", "great goal", "-q")
    assert absent.returncode == 4
    assert "hf://anna/nothing cannot be fetched" in absent.stderr


def test_what_is_no_address_is_refused(mood_folder: Path) -> None:
    for wrong in ("hf://mood", "hf://a/b/c", "hf://../x y", "hf://a/b@"):
        with pytest.raises(UsageError, match="is no address of a model"):
            fetch(wrong)
    with pytest.raises(UsageError, match="expected USER/NAME"):
        push(mood_folder, "mood")


def test_further_networks_travel_and_what_the_user_added_does_not() -> None:
    there = ["preseason.json", "backbone/model.safetensors", "backbone-2/model.safetensors", "notes.txt"]
    assert list(filter_repo_objects(there, allow_patterns=PATTERNS)) == there[:3]
    assert [is_own(name) for name in ("backbone-2", "backbone", "notes.txt")] == [True, True, False]
