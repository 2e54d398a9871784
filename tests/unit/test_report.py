import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.data.dataset import File, Sample, Skipped
from preseason.evaluation.metrics import measure
from preseason.inference.answers import BatchPredictions
from preseason.inference.probabilities import softmax
from preseason.report import html as report_html
from preseason.report.glance import glance
from preseason.report.html import sections_of, write_report
from preseason.report.pictures import MAX_PICTURES, Album
from preseason.report.problems.base import Section
from preseason.results import CandidateResult, FitRecord
from tiny_records import fit_record

HOSTILE = (
    "<script>alert(1)</script>",
    "yes",
    '"><img src=x onerror=alert(1)>',
    "1: 2",
    "Özil 🐐 & 'co' {{ 7*7 }}",
)
BOXES = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)


def record_of(
    labels: tuple[str, ...] = HOSTILE,
    n: int = 200,
    margin: float = 3.0,
    attention: bool = True,
    **changes: object,
) -> FitRecord:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, len(labels), n)
    logits = rng.normal(size=(n, len(labels)))
    logits[np.arange(n), targets] += margin
    table = softmax(logits.astype(np.float32))
    samples = tuple(
        Sample(File(Path(f"/home/coach/{labels[t]}/{i}.jpg")), labels[t]) for i, t in enumerate(targets)
    )
    weights = rng.dirichlet(np.ones(3), n).astype(np.float32) if attention else None
    answers = BatchPredictions(samples, labels, targets, table, rng.random(n).astype(np.float32), weights)
    usual: dict[str, object] = {
        "head": "attention",
        "recipe": {
            "head": "auto",
            "cache": "/home/coach/cache",
            "weights": "/home/coach/w/net.pth",
            "refit": True,
        },
        "counts": {label: 40 + i for i, label in enumerate(labels)},
        "baselines": {"scratch": 0.3, "majority": 0.2, "linear": 0.7},
        "candidates": (
            CandidateResult("linear", 0.8, 2.0, False),
            CandidateResult("attention", 0.9, 61.0, True, "<b>best</b>"),
        ),
        "boxes": BOXES if attention else None,
        "skipped": (Skipped("/home/coach/a/<i>.jpg", "a web page, see /home/coach/a/b/c.html"),),
        "duplicates": ((File(Path("/home/coach/a/1.jpg")), File(Path("/home/coach/a/2.jpg"))),),
        "split": {"train": 800, "test": n, "groups": 990, "seed": 0, "by": "groups"},
        "warnings": ("Look at /home/coach/a/b/1.jpg: <u>odd</u>.",),
        "temperature": 1.2,
        "unknown_threshold": 0.95,
        "unknown_auroc": 0.9,
        "seconds": {"bank": 61.0, "train": 20.0},
    }
    return fit_record(answers, **usual | changes)


def photo(sample: Sample) -> bytes:
    seed = int.from_bytes(os.fsencode(sample.path)[-6:], "little") % 2**32
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(buffer, "JPEG")
    return buffer.getvalue()


class Page(HTMLParser):
    """The tags, attributes and visible text of a page; tells tags that are never closed."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "title"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[\s\xa0]+", " ", " ".join(self.words))

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


def page_of(
    record: FitRecord, folder: Path, picture: Callable[[Sample], bytes | None] | None = photo, **more: object
) -> Page:
    write_report(record, folder / "report.html", picture, **more)
    return Page((folder / "report.html").read_text("utf-8"))


def test_hostile_names_stay_text_and_nothing_comes_from_outside(tmp_path: Path) -> None:
    page = page_of(record_of(), tmp_path)
    assert not {"script", "iframe", "link", "u", "object"} & {tag for tag, _ in page.tags}
    assert all(not key.startswith("on") for _, attributes in page.tags for key in attributes)
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert sources
    assert all(source is not None and source.startswith("data:image/jpeg;base64,") for source in sources)
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert all(link is not None and link.startswith("#") for link in links)
    raw = (tmp_path / "report.html").read_text("utf-8")
    assert "http://" not in raw
    assert "https://" not in raw
    assert "url(" not in raw
    assert all(re.sub(r"\s+", " ", label) in page.text for label in HOSTILE)


def test_every_tag_is_closed_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    page = page_of(replace(record_of(), words={"messi": ("goal", "left")}), tmp_path)
    assert page.open == []
    assert len(page.ids()) == len(set(page.ids()))
    targets = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert targets <= {f"#{name}" for name in page.ids()}
    assert {section.name for section in sections_of(record_of())} <= set(page.ids())
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_no_folder_of_the_machine_is_told(tmp_path: Path) -> None:
    write_report(record_of(), tmp_path / "report.html", photo)
    assert "/home/coach" not in (tmp_path / "report.html").read_text("utf-8")


def test_the_headline_says_what_was_measured(tmp_path: Path) -> None:
    record = record_of(("messi", "salah"), n=50, margin=2.0)
    right = round(record.score.value * 50)
    low, high = (round(100 * bound) for bound in record.score.interval)
    text = page_of(record, tmp_path).text
    assert "Recognises messi and salah" in text
    assert f"{right} of 50 photos right, each predicted by a model not trained on it" in text
    assert f"expect between {low} and {high} %" in text


@pytest.mark.parametrize("classes", [1, 2, 5, 13, 40])
def test_any_number_of_classes_fits(classes: int, tmp_path: Path) -> None:
    labels = tuple(f"player {index}" for index in range(classes))
    page = page_of(record_of(labels, n=60), tmp_path)
    assert page.open == []
    matrix = next(attributes for tag, attributes in page.tags if "matrix" in (attributes.get("class") or ""))
    assert f"of {classes} classes" in (matrix["aria-label"] or "")
    assert int(matrix["width"] or 0) < 1080


def test_no_mistakes_are_told_as_such(tmp_path: Path) -> None:
    text = page_of(record_of(margin=40.0), tmp_path).text
    assert "None: every answer was right." in text
    assert "There were no confusions." in text


def test_nothing_held_out_is_no_claim(tmp_path: Path) -> None:
    page = page_of(record_of(n=0), tmp_path)
    assert "not measured: no photo was held out" in page.text
    assert not {"mixups", "calibration", "focus"} & set(page.ids())


@pytest.mark.parametrize(
    ("task", "heading", "counted"),
    [
        ("photos", "Where it looked", "looked mostly at"),
        ("sounds", "Which moments counted", "the end counted most"),
    ],
)
def test_parts_of_sounds_are_moments(task: str, heading: str, counted: str, tmp_path: Path) -> None:
    moments = np.array([[0, 0, 0.4, 1], [0.3, 0, 0.6, 1], [0.7, 0, 1, 1]], np.float32)
    page = page_of(record_of(task=task, boxes=moments), tmp_path)
    assert heading in page.text
    told = [str(each.get("alt")) for tag, each in page.tags if tag == "img"]
    assert any(counted in each for each in told)


def test_without_parts_or_pictures_the_rest_is_there(tmp_path: Path) -> None:
    page = page_of(record_of(attention=False), tmp_path, picture=None)
    assert "focus" not in page.ids()
    assert "mistakes" in page.ids()
    assert not [tag for tag, _ in page.tags if tag == "img"]


def test_unreadable_pictures_are_left_out(tmp_path: Path) -> None:
    page = page_of(record_of(), tmp_path, picture=lambda sample: b"<html>no picture</html>")
    assert not [tag for tag, _ in page.tags if tag == "img"]


@pytest.mark.parametrize(
    ("scratch", "said"),
    [(1.0, "Transfer brought nothing"), (0.0, "Transfer paid off"), (None, "Transfer not compared")],
)
def test_the_worth_of_transfer_is_said_plainly(scratch: float | None, said: str, tmp_path: Path) -> None:
    baselines = {} if scratch is None else {"scratch": scratch}
    assert said in page_of(record_of(baselines=baselines), tmp_path).text


def test_a_lead_within_the_interval_is_not_called_a_gain(tmp_path: Path) -> None:
    record = record_of(n=40)
    barely = record.score.value - 0.01
    text = page_of(replace(record, baselines={"scratch": barely}), tmp_path).text
    assert "No clear gain from transfer" in text
    assert "Few examples" in text


def test_strangers_with_two_classes_are_told_as_untried(tmp_path: Path) -> None:
    text = page_of(record_of(("a", "b"), unknown_auroc=None), tmp_path).text
    assert "With fewer than three classes, none could be left out" in text


def test_surest_mistakes_come_first(tmp_path: Path) -> None:
    record = record_of(("a", "b", "c"), n=300, margin=1.0)
    text = page_of(record, tmp_path).text
    said = record.answers.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != record.answers.targets)
    surest = wrong[record.answers.probabilities[wrong].max(axis=1).argmax()]
    first = re.search(r"predicted \w+ .*?/(\d+)\.jpg", text[text.index("Most confident mistakes", 400) :])
    assert first is not None
    assert int(first[1]) == surest


def test_a_label_unknown_to_the_model_is_shown_by_its_name(tmp_path: Path) -> None:
    record = record_of(("a", "b"), n=30, margin=40.0)
    stranger = replace(record.answers.samples[0], label="newcomer")
    answers = replace(
        record.answers,
        samples=(stranger, *record.answers.samples[1:]),
        targets=np.concatenate([[-1], record.answers.targets[1:]]),
    )
    metrics = measure(answers.probabilities, answers.targets)
    text = page_of(replace(record, answers=answers, metrics=metrics), tmp_path).text
    assert "label newcomer 0 %" in text


def test_the_page_stays_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (320, 320, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    many = tuple(tuple(File(Path(f"{x}/{i}.jpg")) for x in "abc") for i in range(100))
    record = record_of(tuple(f"player {i}" for i in range(40)), n=3000, margin=1.0, duplicates=many)
    page = page_of(record, tmp_path, picture=lambda sample: buffer.getvalue())
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert 0 < len([tag for tag, _ in page.tags if tag == "img"]) <= MAX_PICTURES


def test_a_task_can_add_a_section_of_its_own(tmp_path: Path) -> None:
    own = Section(
        "unknown", "Own matters", "Added by a task.", lambda record, album: {"words": "w", "threshold": "1"}
    )
    text = page_of(record_of(), tmp_path, sections=(*sections_of(record_of())[:1], own)).text
    assert "Own matters" in text
    assert "Most confident mistakes" not in text


def test_odd_file_names_can_be_written(tmp_path: Path) -> None:
    assert page_of(record_of(("a\udcff", "b")), tmp_path).open == []


def test_the_same_record_gives_the_same_page(tmp_path: Path) -> None:
    pages = []
    for name in ("one.html", "two.html"):
        write_report(record_of(), tmp_path / name, photo)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]


def test_the_album_stops_when_the_page_is_full() -> None:
    album = Album(photo)
    shown = [album.thumbnail(Sample(File(Path(f"{index}.jpg")))) for index in range(MAX_PICTURES + 5)]
    assert sum(picture is not None for picture in shown) == MAX_PICTURES
    assert shown[-1] is None


def trusted() -> FitRecord:
    one, other = (
        {"path": f"/home/coach/a/{n}.jpg", "label": label} for n, label in ((1, "yes"), (2, "1: 2"))
    )
    suspect = one | {"suggested": "1: 2", "probability": 0.9, "label_probability": 0.01}
    twice = "1 set of copies lies under two labels."
    trust = {
        "copies": {"across_labels": [[one, other]], "said": "Copies.", "warning": twice, "tone": "warn"},
        "label_errors": {"suspects": [suspect], "said": "1 label is probably wrong.", "tone": "good"},
        "honest_split": {
            "honest": 0.7, "chance": 0.9, "pairs": [{"tested": one, "learnt": other, "wrong": "yes"}],
            "said": "Random splits flatter.", "tone": "good",
        },
        "shortcuts": {
            "chance": 0.2, "said": "Colours.", "tone": "good",
            "tests": [{"key": "surroundings", "shown": "only the rim", "accuracy": 0.5, "full": 0.8}],
            "deciders": [{"word": "<b>", "kind": "word", "label": "yes", "count": 9, "total": 10}],
        },
        "strangers": {"answers": 0.83, "named": 0.02, "said": "Strangers.", "tone": "good"},
        "curve": {
            "now": 0.9, "half_width": 0.03, "said": "90 % now.", "tone": "good",
            "forecasts": [{"times": 2, "accuracy": 0.92, "low": 0.9, "high": 0.95}],
        },
        "seconds": {"curve": 0.1},
    }  # fmt: skip
    return replace(record_of(), trust=trust, warnings=(twice,))


def test_the_first_screen_has_figure_trust_and_next_steps_and_the_rest_is_folded(tmp_path: Path) -> None:
    page = page_of(trusted(), tmp_path)
    text = page.text[page.text.index("Trained on") :]
    order = [
        "Accuracy ",
        "Can I trust it?",
        "Duplicates need a look",
        "What next?",
        "One thing needs a look first",
        "Are there duplicates?",
        "Are the labels right?",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    folded = [attributes for tag, attributes in page.tags if tag == "details"]
    assert len(folded) >= len(sections_of(trusted())) - 3
    assert not any("open" in attributes for attributes in folded)
    assert page.text.count("1 set of copies lies under two labels.") == 1
    assert page.open == []
    assert "labelled yes" in page.text
    assert "a random split says" in page.text
    assert "/home/coach" not in (tmp_path / "report.html").read_text("utf-8")


def test_next_steps_follow_from_what_was_found() -> None:
    gains = [{"label": "son", "gain": 0.14, "sure": True}, {"label": "messi", "gain": 0.3, "sure": False}]
    trust = {
        "label_errors": {"said": "2 labels", "tone": "warn", "suspects": [{}, {}]},
        "curve": {"said": "", "gains": gains},
        "strangers": {"said": "83 %", "tone": "note", "named": 0.83},
    }
    found = glance(replace(record_of(), trust=trust, warnings=("A class has only 4 photos.",)))
    assert found.checks == (
        ("warn", "Some labels look wrong"),
        ("warn", "1 further warning"),
        ("note", "Unknown inputs may get a label"),
    )
    assert found.steps == (
        "Check 2 labels that may be wrong, and fit again.",
        "Label 20 more of son: about +14 points.",
        "If unknown inputs occur in use, fit with --max-unknown-accepted 1/50.",
    )
    assert glance(replace(record_of(), trust={}, skipped=())).steps[-1].startswith("Predict new photos")


def test_without_warnings_nothing_speaks_against_it(tmp_path: Path) -> None:
    calm = replace(trusted(), warnings=())
    assert "No problem found" in page_of(calm, tmp_path).text


def test_what_a_further_network_brought_is_told(tmp_path: Path) -> None:
    said = "faces: +3.9 points; a face found in 83 % of photos"
    record = replace(
        record_of(),
        networks={"faces": {"gain": 0.039, "found": 0.83, "said": said}},
        candidates=(CandidateResult("linear", 0.9, 1.0, True),),
    )
    assert ("good", said) in glance(record).checks
    write_report(record, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8").count(said) == 2


def test_pictures_are_there_when_the_report_is_printed() -> None:
    templates = Path(report_html.__file__).parent / "templates"
    # Of pictures that wait until they are seen, a browser prints empty frames.
    assert not [path.name for path in templates.glob("*.html") if 'loading="lazy"' in path.read_text("utf-8")]
    assert "@page{margin" in (templates / "style.css").read_text("utf-8")
