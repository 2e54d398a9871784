"""Every error has a code that is explained, in the code, on the page and in what is shown."""

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import preseason
from preseason import errors
from preseason.cli.error_page import markdown
from preseason.cli.main import run
from preseason.engine.forks import ForkedError
from preseason.errors import PreseasonError, UsageError
from preseason.errors.codes import CODES

ROOT = Path(__file__).parents[2]


def classes(root: type[PreseasonError] = PreseasonError) -> Iterator[type[PreseasonError]]:
    yield root
    for below in root.__subclasses__():
        yield from classes(below)


def test_every_class_has_a_general_code_of_its_own() -> None:
    general = [each.general for each in classes()]
    assert len(set(general)) == len(general)
    assert {each.__name__ for each in classes()} >= {"UsageError", "ExportError", "CacheError"}


def test_every_error_reaches_another_process_as_it_is() -> None:
    for kind in classes():
        error = kind.__new__(kind, "what happened")
        vars(error).update(code=kind.general)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.code) == (kind, "what happened", kind.general)
    again = pickle.loads(pickle.dumps(ForkedError()))
    assert str(again) == str(ForkedError())
    again = pickle.loads(pickle.dumps(UsageError("no", code="PS-U02")))
    assert (str(again), again.code) == ("no", "PS-U02")


def test_every_code_that_is_raised_is_explained_and_every_one_explained_is_used() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")]
    named = {
        code for text in sources for code in re.findall(r'(?:code=|general[^=\n]*= |, )"(PS-\w+)"', text)
    }
    assert named == set(CODES)


def test_a_code_that_is_explained_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="PS-U99 is explained nowhere"):
        UsageError("x", code="PS-U99")


def test_the_page_is_up_to_date_and_has_an_anchor_for_each_code() -> None:
    page = (ROOT / "docs/error-codes.md").read_text("utf-8")
    assert page == markdown(), "run `make docs`"
    assert re.findall(r"^## (.+)$", page, re.M) == list(CODES)


def test_the_code_is_shown_and_stands_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "no-such-model", "x.jpg"]) == errors.ModelFolderError.exit_code
    assert capsys.readouterr().err.rstrip().endswith("[PS-M02]")
    assert run(["fit", "no-such-folder", "--json"]) == errors.DataError.exit_code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "PS-D02"


def test_python_sees_the_code() -> None:
    with pytest.raises(preseason.PreseasonError) as raised:
        preseason.Recipe().with_settings(folds=1)
    assert raised.value.code == "PS-U02"
