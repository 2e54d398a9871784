"""The table of what to label next is one that `fit` reads: texts and labels come back as they were."""

from pathlib import Path

from preseason.analysis.active_learning import Suggestion, Suggestions, write_table
from preseason.data import layouts
from preseason.data.dataset import Sample, Text
from preseason.data.files import Accept, Columns
from preseason.media.text import check


def test_texts_and_labels_with_signs_of_formulas_are_read_back(tmp_path: Path) -> None:
    said = ["@fan what a goal", "-1 at half time", "plain words"]
    items = tuple(Suggestion(text, "=good", 0.5, "bad", 0.4, False, "unsure") for text in said)
    samples = tuple(Sample(Text(text)) for text in said)
    write_table(Suggestions(items, 3, 0, 0, (), samples), tmp_path / "next.csv")
    found = layouts.read(
        tmp_path / "next.csv", Accept(check, "texts", columns=Columns("text", "label"), cells=True)
    )
    assert [sample.source for sample in found.samples] == [Text(text) for text in said]
    assert found.labels == ("=good",)
