"""What the runner of an exported model does is what preseason does, part by part."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.cli.export import FORMATS
from preseason.data.audit import digest
from preseason.engine.passes import Box
from preseason.engine.tokens import Windows
from preseason.errors import ExportError
from preseason.exporting import answers, run, run_texts
from preseason.exporting.checking import Check
from preseason.exporting.export import TARGETS, refuse_different
from preseason.heads.base import TrainingSet, heads
from preseason.inference.attention_crops import CROPS, windows
from preseason.inference.features import Features
from preseason.media.image import decode
from preseason.media.text import decoded
from preseason.openset.detection import SCORES, fit_scorer
from preseason.tasks.crops import cut_out
from preseason.tasks.photos import REGIONS

SMOOTH = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)).resize((700, 500))
)


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def turned(orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(SMOOTH), form, exif=exif)


def palette() -> bytes:
    """A PNG of 64 colours, the first eight of them clear to some degree."""
    few = Image.fromarray(SMOOTH).quantize(64)
    return saved(few, "PNG", transparency=bytes(range(0, 256, 32)))


def clear() -> Image.Image:
    picture = Image.fromarray(SMOOTH).convert("RGBA")
    picture.putalpha(120)
    return picture


FILES = {
    "jpeg": saved(Image.fromarray(SMOOTH).resize((2800, 2000)), "JPEG"),
    **{f"jpeg turned {candidate}": turned(candidate) for candidate in range(1, 10)},
    "turned png": turned(6, "PNG"),
    "turned tiff": turned(8, "TIFF"),
    "cmyk jpeg": saved(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG"),
    "png": saved(Image.fromarray(SMOOTH), "PNG"),
    "clear png": saved(clear(), "PNG"),
    "palette gif": saved(Image.fromarray(SMOOTH).convert("P"), "GIF"),
    "palette png, clear in part": palette(),
    "palette png, one colour clear": saved(Image.fromarray(SMOOTH).quantize(64), "PNG", transparency=3),
    "grey and clear png": saved(clear().convert("LA"), "PNG"),
    "12-bit png": saved(Image.fromarray(SMOOTH[:, :, 0].astype(np.uint16) * 11), "PNG"),
    "16-bit png": saved(Image.fromarray(SMOOTH[:, :, 0].astype(np.uint16) * 257), "PNG"),
    "float tiff": saved(Image.fromarray(SMOOTH[:, :, 0].astype(np.float32) - 90), "TIFF"),
    "webp": saved(Image.fromarray(SMOOTH), "WEBP"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("longest", [300, 1600])
def test_the_runner_decodes_as_preseason_does(name: str, longest: int) -> None:
    assert np.array_equal(run.decode(FILES[name], longest), decode(FILES[name], longest))


def test_the_runner_refuses_what_is_no_photo() -> None:
    for data in (b"", b"<html></html>", FILES["jpeg"][:3000]):
        with pytest.raises(ValueError, match="cannot be decoded"):
            run.decode(data, 300)


@pytest.mark.parametrize("box", [Box(0.1, 0.2, 0.6, 0.7), Box(0.6, 0.2, 0.1, 0.7), Box(0.0, 0.0, 1.0, 1.0)])
def test_the_runner_cuts_looks_out_as_preseason_does(box: Box) -> None:
    picture = Image.fromarray(SMOOTH)
    assert np.array_equal(run.cut_out(picture, box, 96), cut_out(picture, box, (96, 96)))


def test_the_runner_looks_closer_where_preseason_does() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        attention = rng.dirichlet(np.full(len(REGIONS), 0.2)).astype(np.float32)
        seed = int(rng.integers(2**32))
        found = run.windows(attention, REGIONS, seed)
        assert len(found) == CROPS
        assert found == [tuple(box) for box in windows(attention, REGIONS, seed)]


@pytest.mark.parametrize("kind", SCORES)
def test_the_runner_tells_strangers_as_preseason_does(kind: str) -> None:
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(60, 8)).astype(np.float32), np.arange(60) % 3
    scorer = fit_scorer(kind, rows, labels)
    asked, logits = rng.normal(size=(9, 8)).astype(np.float32), rng.normal(size=(9, 3)).astype(np.float32)
    known = {f"scorer.{name}": array for name, array in scorer.arrays.items()}
    expected = scorer.distance(asked, logits)
    np.testing.assert_allclose(
        answers.strangeness(kind, known, asked, logits), expected, rtol=1e-4, atol=1e-5
    )


def test_the_runner_names_photos_as_preseason_does() -> None:
    assert answers.digest(FILES["png"]) == digest(FILES["png"])


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


TEXTS = (
    "What a GOAL by @Messi, see https://t.co/x !!",
    "a  b\tünïcode — ⚽⚽ it's 3-2, 3-2!",
    "I",
    "good good good bad",
)


def test_the_runner_counts_words_as_preseason_does(tmp_path: Path) -> None:
    features = Features.of([np.array([[text] for text in TEXTS * 3], object)])
    targets = np.arange(len(TEXTS) * 3) % 2
    fitted = [heads.get("tfidf").fit(TrainingSet(features, targets, 2, (), seed)) for seed in range(2)]
    arrays = {f"{n}.{name}": a for n, head in enumerate(fitted) for name, a in head.state().arrays.items()}
    np.savez(tmp_path / "stage-0.npz", members=2, temperature=2.0, **arrays)
    outputs = ["probabilities_0", "known_vector"]
    counted = run_texts.Counted(tmp_path / "stage-0.npz", {"outputs": outputs})
    for place, text in enumerate(TEXTS):
        one = features.take(np.array([place]))
        found = counted({"text": text})
        expected = np.mean([answers.softmax(head.logits(one) / 2.0) for head in fitted], axis=0)
        assert found["probabilities_0"] == pytest.approx(expected, abs=1e-5), text
        assert found["known_vector"] == pytest.approx(fitted[0].embed(one), abs=1e-6), text


def test_the_runner_cuts_texts_into_windows_as_preseason_does() -> None:
    cut = Windows.__new__(Windows)
    cut.size, cut.count, cut._before, cut._after = 10, 3, (101,), (102, 103)
    for length in (0, 1, 7, 8, 20, 400):
        tokens = list(range(length))
        expected = cut.padded(cut._cut(tokens))
        found = run_texts.windows(tokens, {"size": 10, "windows": 3}, [101], [102, 103])
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_runner_reads_texts_as_preseason_does(encoding: str) -> None:
    data = " Müller trifft \n".encode(encoding)
    assert run_texts.decoded(data) == decoded(data).strip() == "Müller trifft"
    with pytest.raises(ValueError, match="binary"):
        run_texts.decoded(b"\x00\x01\x02")


def test_the_command_line_offers_every_target() -> None:
    assert set(FORMATS) == set(TARGETS)
