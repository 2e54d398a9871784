"""What a program hands to `predict` and its like: one by one, in lists, as columns."""

import stat
from pathlib import Path

import numpy as np
import pytest

import preseason
from preseason.data.given import one_by_one
from preseason.errors import UsageError
from preseason.storage import replace_folder


def test_lists_stand_for_what_is_in_them() -> None:
    assert one_by_one(["a", ["b", Path("c")], ("d",), np.array(["e"])]) == ("a", "b", Path("c"), "d", "e")
    assert one_by_one(Path(name) for name in "ab") == (Path("a"), Path("b"))


@pytest.mark.parametrize("wrong", [3, None, [1], {"a": 1}.values(), b"bytes"])
def test_what_is_no_input_is_named(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"An input is a (int|NoneType|bytes): expected files"):
        one_by_one([wrong])


def test_a_list_gives_the_answers_of_its_inputs_in_order(mood_folder: Path) -> None:
    model = preseason.load(mood_folder)
    texts = ["great goal", "awful referee", "great"]
    assert model.predict(texts).rows() == model.predict(*texts).rows()
    with pytest.raises(UsageError, match="predict needs texts"):
        model.predict([])


def test_a_model_is_readable_by_those_for_whom_its_folder_is(tmp_path: Path) -> None:
    def write(part: Path) -> None:
        (part / "backbone").mkdir()
        for name in ("heads.safetensors", "backbone/model.safetensors"):
            (part / name).write_bytes(b"0")
            (part / name).chmod(0o600)

    replace_folder(tmp_path / "model", write)
    allowed = (tmp_path / "model").stat().st_mode & 0o666
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert modes == {allowed}
