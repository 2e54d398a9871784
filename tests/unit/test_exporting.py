"""What is written beside an exported model: a runner with the parts of preseason that it takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from preseason.cli.export import FORMATS
from preseason.errors import ExportError
from preseason.exporting import finders, run_texts
from preseason.exporting.checking import Check
from preseason.exporting.export import TARGETS, refuse_different
from preseason.exporting.parts import PARTS, RUNNER, write_runner
from preseason.exporting.runners.base import runners
from preseason.heads.base import TrainingSet, heads
from preseason.inference.features import Features
from preseason.inference.probabilities import softmax

PROGRAMS = (*(runners.get(modality).program for modality in runners), finders.PROGRAM)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_runner_starts_without_preseason(program: str, tmp_path: Path) -> None:
    write_runner(tmp_path, program)
    heavy = ("preseason", "torch", "scipy", "sklearn", "openvino", "onnxruntime", "click")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.modules['preseason'] = None; import run; "
        f"print([n for n in {heavy!r} if sys.modules.get(n)])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "preseason." not in "".join(
        line for line in (tmp_path / RUNNER).read_text("utf-8").splitlines() if "import" in line
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_runner_takes_few_parts_with_it(program: str, tmp_path: Path) -> None:
    write_runner(tmp_path, program)
    parts = [path for path in (tmp_path / PARTS).rglob("*.py") if path.read_text("utf-8").strip()]
    assert 5 < len(parts) < 20, parts


def check(points: float, accuracy: tuple[float, float] | None) -> Check:
    return Check(200, False, 0.99, 1.0, 0.2, accuracy, points)


def test_an_export_that_differs_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(
        ExportError, match=r"differs from the model by 1\.0 points of accuracy on 200 examples"
    ) as e:
        refuse_different(check(1.0, (0.9, 0.89)), allowed=False)
    assert e.value.code == "PS-E02"
    with pytest.raises(ExportError, match="points of labels"):
        refuse_different(check(0.6, None), allowed=False)
    refuse_different(check(1.0, None), allowed=True)
    refuse_different(check(0.5, None), allowed=False)


@pytest.mark.parametrize("kind", ["tfidf", "moods"])
def test_counted_words_answer_as_their_heads_do(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("vaderSentiment", reason="needs preseason[text]")
    texts = (
        "What a GOAL by @Messi, see https://t.co/x !!",
        "it's 3-2, 3-2!",
        "I",
        "good good good not bad 😀",
    )
    features = Features.of([np.array([[text] for text in texts * 3], object)])
    targets = np.arange(len(texts) * 3) % 2
    fitted = [heads.get(kind).fit(TrainingSet(features, targets, 2, (), seed)) for seed in range(2)]
    arrays = {f"4.{n}.{name}": a for n, head in enumerate(fitted) for name, a in head.state().arrays.items()}
    np.savez(tmp_path / "stage-0.npz", **arrays | {"4.members": 2, "4.temperature": 2.0})
    outputs = ["probabilities_4", *(["known_vector"] if kind == "tfidf" else [])]
    counted = run_texts.Counted(tmp_path / "stage-0.npz", {"outputs": outputs})
    for place, text in enumerate(texts):
        one = features.take(np.array([place]))
        found = counted({"text": text})
        expected = np.mean([softmax(head.logits(one), 2.0) for head in fitted], axis=0)
        assert found["probabilities_4"] == pytest.approx(expected, abs=1e-5), text
        if kind == "tfidf":
            assert found["known_vector"] == pytest.approx(fitted[0].embed(one), abs=1e-6), text


def test_the_command_line_offers_every_target() -> None:
    assert set(FORMATS) == set(TARGETS)
