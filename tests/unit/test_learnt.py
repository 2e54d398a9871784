"""Examples that a model has learnt from are told; what explains a figure comes first."""

import json
import shutil
from pathlib import Path

import pytest

import preseason
from preseason.cli.main import run
from preseason.data.checks import part_warnings
from preseason.diagnostics.checks import RANKS
from preseason.fitting.context import WarningLog
from preseason.models.loading import classifier


def evaluated(model: Path, rows: list[str], folder: Path) -> preseason.Model:
    (folder / "new.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    return classifier(preseason.load(model), "evaluate").evaluate(folder / "new.csv")


LEARNT = ["great goal 0,good", "awful referee 3,bad"]
NEW = ["a great goal again,good", "an awful referee again,bad"]


@pytest.mark.parametrize(
    ("rows", "learnt", "said"),
    [(NEW, 0, ""), (LEARNT, 2, "from all of these 2"), ([*LEARNT, *NEW[:1]], 2, "from 2 of these 3")],
)
def test_examples_are_recognised_by_content(
    mood_folder: Path, tmp_path: Path, rows: list[str], learnt: int, said: str
) -> None:
    found = evaluated(mood_folder, rows, tmp_path)
    assert found.learnt == learnt
    assert (said in found.warnings[0]) if said else not any("learnt from" in each for each in found.warnings)
    expected = [len(rows) - learnt] if 0 < learnt < len(rows) else []
    assert [figure.n for figure in found.unseen.values()][:1] == expected


def test_it_stands_beside_the_figure_and_in_the_json_object(
    mood_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.csv").write_text("\n".join(["text,label", *LEARNT, *NEW]), "utf-8")
    assert run(["evaluate", str(mood_folder), str(tmp_path / "new.csv"), "-q"]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("Accuracy ")
    assert "On the 2 that it was not trained on: Accuracy " in second
    assert run(["evaluate", str(mood_folder), str(tmp_path / "new.csv"), "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["learnt"], told["unseen"]["n"]) == (2, 2)


def test_a_file_that_was_renamed_is_recognised(mood_folder: Path, tmp_path: Path) -> None:
    shutil.copy(mood_folder.parent / "mood.csv", tmp_path / "other name.csv")
    found = classifier(preseason.load(mood_folder), "evaluate").evaluate(tmp_path / "other name.csv")
    assert found.learnt == len(found.answers.samples)


@pytest.mark.parametrize(
    ("learnt", "tested", "said"),
    [
        (["Messi", "Salah"], ["messi", "messi", "Salah"], "2 of 3 test photos are of 'messi'"),
        (["Messi", "Salah"], ["messi", "Salah"], "'messi' may be 'Messi': write one class one way"),
        (["a", "b"], ["b", "b"], "All test photos are of one class, 'b'"),
        (["a"], ["b"], "no answer to these can be right"),
    ],
)
def test_what_a_test_part_alone_explains(learnt: list[str], tested: list[str], said: str) -> None:
    assert said in " ".join(part_warnings(learnt, tested, "photos"))


def test_equal_parts_need_no_word() -> None:
    assert part_warnings(["a", "b"], ["a", "b"], "photos") == ()


def test_what_explains_the_figure_is_told_first() -> None:
    log = WarningLog()
    for kind in reversed(RANKS):
        log.add(kind, [kind])
    assert log.texts()[:5] == ("parts", "guess", "alike", "leak", "copies")
    assert len(log.texts()) == len(RANKS)
