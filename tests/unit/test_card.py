from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.dataset import File, Sample, Skipped
from preseason.inference.answers import BatchPredictions, BoxPredictions
from preseason.inference.probabilities import softmax
from preseason.report.card import front_matter, write_card
from preseason.results import FitRecord
from tiny_records import fit_record

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
NESTED = st.recursive(
    TEXT | st.integers(-(10**9), 10**9) | st.booleans(),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
)


def record_of(labels: tuple[str, ...] = ("yes", "1: 2"), n: int = 50, **changes: object) -> FitRecord:
    rng = np.random.default_rng(0)
    targets = np.arange(n) % len(labels)
    table = softmax((np.eye(len(labels))[targets] * 5 + rng.normal(size=(n, len(labels)))).astype(np.float32))
    samples = tuple(Sample(File(Path(f"/home/coach/{i}.jpg")), labels[t]) for i, t in enumerate(targets))
    recipe = {"head": "auto", "cache": "/home/coach/cache", "weights": "/home/coach/w/net.pth", "seed": 0}
    usual: dict[str, object] = {
        "recipe": recipe,
        "skipped": (Skipped("/home/coach/x.jpg", "not an image"),),
        "warnings": ("Only one kit in /home/coach/photos/messi.",),
    }
    answers = BatchPredictions(samples, labels, targets, table, np.zeros(n, np.float32))
    return fit_record(answers, **usual | changes)


def card_of(record: FitRecord, folder: Path, name: str | None = None) -> tuple[dict[str, object], str]:
    write_card(record, folder / "README.md", name)
    start, matter, body = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    assert start == ""
    return yaml.safe_load(matter), body


@given(st.dictionaries(st.sampled_from(["name", "tags", "of"]), NESTED, min_size=1))
def test_yaml_reads_back_as_it_was(value: dict[str, object]) -> None:
    block = front_matter(value, "MIT")
    assert block.startswith("---\n")
    assert block.endswith("\n---")
    assert yaml.safe_load(block[:-3]) == {"license": "mit", **value}


def test_the_front_matter_is_what_the_hub_asks_for(tmp_path: Path) -> None:
    record = record_of()
    matter, _ = card_of(record, tmp_path, "no: 'players' 🐐")
    assert matter["license"] == "apache-2.0"
    assert matter["library_name"] == "preseason"
    assert matter["pipeline_tag"] == "image-classification"
    assert matter["base_model"] == "efficientnet_lite0"
    entry = matter["model-index"][0]  # type: ignore[index]
    assert entry["name"] == "no: 'players' 🐐"
    result = entry["results"][0]
    assert set(result) == {"task", "dataset", "metrics"}
    assert result["metrics"][0] == {"type": "accuracy", "value": round(record.score.value, 4)}


def test_the_hub_library_reads_the_card(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the hub's own reader is not installed")
    write_card(record_of(), tmp_path / "README.md")
    data = hub.ModelCard.load(tmp_path / "README.md").data
    assert data.library_name == "preseason"
    assert data.eval_results[0].metric_type == "accuracy"


def test_a_licence_of_its_own_is_named(tmp_path: Path) -> None:
    matter, _ = card_of(record_of(licence="Club Terms 1"), tmp_path)
    assert (matter["license"], matter["license_name"]) == ("other", "Club Terms 1")


def test_the_card_tells_accuracy_limits_and_use_but_no_folder(tmp_path: Path) -> None:
    record = record_of()
    _, body = card_of(record, tmp_path, "players")
    right = round(record.score.value * 50)
    assert f"{right} of 50 photos right, each predicted by a model not trained on it; expect" in body
    assert 'preseason.load("players")' in body
    assert "preseason predict players photo.jpg" in body
    assert "| 1: 2 | 30 |" in body
    assert 'weights = "w/net.pth"' in body
    assert "/home/coach" not in body


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    labels = ("<script>alert(1)</script>", "a|b\n## c", "[x](http://evil)")
    _, body = card_of(record_of(labels), tmp_path)
    assert "<script" not in body
    assert "\n## c" not in body
    assert "| a\\|b \\#\\# c | 30 |" in body
    assert "[x](" not in body


def test_a_recipe_cannot_end_its_block(tmp_path: Path) -> None:
    _, body = card_of(record_of(recipe={"backbone": "```\n# Owned"}), tmp_path)
    assert body.count("```") == 6
    assert "\n# Owned" not in body


def test_nothing_held_out_makes_no_claim(tmp_path: Path) -> None:
    matter, body = card_of(record_of(n=0), tmp_path)
    assert "model-index" not in matter
    assert "Not measured" in body


def test_the_folder_names_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "squad 2026"
    folder.mkdir()
    _, body = card_of(record_of(), folder)
    assert body.lstrip().startswith("# squad 2026")
    assert 'preseason.load("this-folder")' in body


def test_the_card_of_a_finder_counts_boxes_and_shows_how_to_read_them(tmp_path: Path) -> None:
    found = (FoundBox("ball", 0.9, 0.1, 0.1, 0.3, 0.3),)
    there = (LabelledBox("ball", 0.1, 0.1, 0.3, 0.3), LabelledBox("post", 0.5, 0.5, 0.8, 0.9))
    sample = Sample(File(tmp_path / "a.png"), boxes=there)
    counts = {"ball": 1, "post": 1}
    answers = BoxPredictions((sample,), ("ball", "post"), (found,))
    record = fit_record(answers, task="detection", problem="detection", counts=counts, examples=1)
    matter, body = card_of(record, tmp_path)
    assert matter["pipeline_tag"] == "object-detection"
    assert "answer.label" not in body
    assert "print(box.label, box.score" in body
    assert "| class | boxes |" in body
    assert "Fine-tuned by preseason on 2 boxes in 1 picture," in body


def test_a_model_that_reads_faces_asks_for_its_extra(tmp_path: Path) -> None:
    networks = {"faces": {"gain": 0.1, "found": 0.8, "said": "faces: +10 points"}}
    assert "pip install 'preseason[faces]'\n" in card_of(record_of(networks=networks), tmp_path)[1]
    networks["faces"]["gain"] = None  # type: ignore[assignment]
    assert "pip install preseason\n" in card_of(record_of(networks=networks), tmp_path)[1]
