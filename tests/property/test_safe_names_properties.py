"""Any label becomes a name inside its folder, unlike every other's, and is read back."""

import csv
import io
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from preseason.data.files import label_from
from preseason.data.safe_names import MAX_BYTES, cell, folder_name, folder_names, label_of
from preseason.data.split_names import split_from

PATHS = ["../loss", "win/draw", "/etc/x", "..", ".", "C:\\x", "con", "NUL.txt", "50%20off", "%41", "\x00"]
ALIKE = ["é", "e\u0301", "Messi", "messi", "MESSI", "train", "Test", "unknown", "a" * 300, " a ", "a.", "~"]
ODD = st.sampled_from([*PATHS, *ALIKE, "=1+1", "-x"])
LABELS = st.one_of(ODD, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))


@given(LABELS)
def test_a_name_lies_in_its_folder_and_is_read_back(label: str) -> None:
    name = folder_name(label)
    assert Path("here", name).name == name, "it is one component"
    assert not name.startswith((".", " ", "-"))
    assert len(name.encode()) <= MAX_BYTES
    assert split_from(name) is None
    if "~" not in name:
        assert label_of(name) == label


@given(st.lists(LABELS, unique=True, max_size=8))
def test_no_two_labels_share_a_folder(labels: list[str]) -> None:
    names = folder_names(labels)
    keys = {unicodedata.normalize("NFKC", name).casefold() for name in names.values()}
    assert len(keys) == len(labels)


@given(LABELS)
def test_no_cell_is_a_formula_and_labels_survive(label: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow([cell(label)])
    (found,) = next(csv.reader(io.StringIO(text.getvalue(), newline="")))
    assert not found.startswith(("=", "+", "-", "@"))
    if label.isprintable() and label == label_from(label):
        assert label_from(found) == label
