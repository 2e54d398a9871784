"""Models of every kind say what can be asked of them, and refuse the rest in plain words."""

from pathlib import Path
from typing import Any

import pytest

from preseason.errors import UsageError
from preseason.language.hosted_model import HostedModel
from preseason.language.model import ChatModel
from preseason.models.classifier import Model
from preseason.models.loading import classifier, classifies, talks
from preseason.trained_model import CLASSIFIES, JUDGES, SPOTS, TALKS, TrainedModel

NOTHING: Any = None


class _Spanned:
    span_s = 2.0


def _chat() -> TrainedModel:
    return ChatModel(NOTHING, NOTHING, NOTHING, NOTHING)


def _hosted() -> TrainedModel:
    return HostedModel(NOTHING, NOTHING)


def _clips() -> TrainedModel:
    record: Any = _Spanned()
    return Model(NOTHING, NOTHING, NOTHING, NOTHING, record)


def test_capabilities_are_those_of_the_kind_of_model() -> None:
    assert _chat().capabilities == {TALKS, JUDGES}
    assert _hosted().capabilities == {TALKS}
    assert _clips().capabilities == {CLASSIFIES, SPOTS}
    assert [talks(each) for each in (_chat(), _hosted(), _clips())] == [True, True, False]
    assert [classifies(each) for each in (_chat(), _hosted(), _clips())] == [False, False, True]


@pytest.mark.parametrize("model", [_chat(), _hosted()], ids=["chat", "hosted"])
def test_a_model_that_talks_refuses_what_needs_classes(model: TrainedModel) -> None:
    calls = {
        "predict": lambda: model.predict("photo.jpg"),
        "evaluate": lambda: model.evaluate(Path("photos")),
        "add": lambda: model.add("beckham", "photo.jpg"),
        "remove": lambda: model.remove("beckham"),
    }
    for verb, call in calls.items():
        with pytest.raises(UsageError, match=f"is a chat model without classes, so {verb} does not apply"):
            call()
    with pytest.raises(UsageError, match="`explain` needs a classifier"):
        classifier(model, "explain")
