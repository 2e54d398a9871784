"""The classifier with scikit-learn's interface, in scikit-learn's own hands."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from preseason.errors import DataError, UsageError
from preseason.sklearn import TransferClassifier

pytest.importorskip("transformers")
TEXTS = [f"{said} {place}" for said in ("great goal", "awful referee") for place in
         ("in the cup", "at home", "away", "on sunday", "in may", "again", "at last", "tonight")]  # fmt: skip
MOOD = np.array([7] * 8 + [-1] * 8)


@pytest.fixture(scope="module")
def counted(encoder_folder: Path) -> TransferClassifier:
    return TransferClassifier(backbone=str(encoder_folder), head="tfidf")


@pytest.fixture(scope="module")
def fitted(counted: TransferClassifier) -> TransferClassifier:
    return clone(counted).fit(TEXTS, MOOD)


def test_answers_are_labels_of_the_type_given_in_the_order_of_the_classes(fitted: TransferClassifier) -> None:
    assert fitted.classes_.tolist() == [-1, 7]
    assert (fitted.predict(TEXTS) == MOOD).all()
    assert fitted.score(TEXTS, MOOD) == 1.0
    shares = fitted.predict_proba(np.array(["great goal", "awful referee"], object))
    assert shares.shape == (2, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert shares[0, 1] > 0.5 > shares[1, 1]


def test_a_pickled_model_answers_alike_without_the_first(fitted: TransferClassifier) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert pickle.loads(pickle.dumps(again)).get_params() == fitted.get_params()


@pytest.mark.slow
def test_it_stands_in_a_pipeline_a_grid_and_a_grouped_cross_validation(counted: TransferClassifier) -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    grid = GridSearchCV(
        Pipeline([("lower", lower), ("fit", clone(counted))]),
        {"fit__seed": [0, 1]},
        cv=2,
        error_score="raise",
    )
    assert grid.fit(TEXTS, MOOD).best_score_ > 0.8
    assert grid.best_estimator_.named_steps["fit"].seed == grid.best_params_["fit__seed"]
    groups = [number // 2 for number in range(16)]
    scores = cross_val_score(
        clone(counted), TEXTS, MOOD, groups=groups, cv=StratifiedGroupKFold(2), error_score="raise"
    )
    assert len(scores) == 2
    assert scores.min() > 0.7


def test_groups_are_never_parted_inside_the_fit(counted: TransferClassifier) -> None:
    model = clone(counted).fit(TEXTS, MOOD, groups=[number % 8 for number in range(16)]).model_
    assert model.record.split["groups"] == 8


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_mixin_order,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_tags_renamed,
    ],
    ids=lambda check: check.__name__,
)  # fmt: skip
def test_scikit_learn_finds_no_fault(check) -> None:  # type: ignore[no-untyped-def]
    check("TransferClassifier", TransferClassifier())


def test_wrong_input_is_told(counted: TransferClassifier, fitted: TransferClassifier) -> None:
    with pytest.raises(UsageError, match="single text"):
        fitted.predict("great goal")
    with pytest.raises(UsageError, match=r"shape \(2, 1\)"):
        fitted.predict(np.array([["a"], ["b"]], object))
    with pytest.raises(DataError, match="X is empty"):
        fitted.predict([])
    with pytest.raises(UsageError, match="fractions"):
        clone(counted).fit(TEXTS, np.linspace(0, 1, 16))
    with pytest.raises(UsageError, match="16 inputs and 3 labels"):
        clone(counted).fit(TEXTS, ["a", "b", "c"])
    with pytest.raises(UsageError, match="head"):
        clone(counted).set_params(head="tfdif").fit(TEXTS, MOOD)


def test_a_photo_that_cannot_be_read_is_named(model_folder: Path, tmp_path: Path) -> None:
    import preseason

    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    ours = TransferClassifier()
    ours.model_ = preseason.load(model_folder)
    ours._files, ours._columns = True, list(range(len(ours.model_.labels)))
    with pytest.raises(DataError, match=r"broken\.jpg cannot be predicted"):
        ours.predict_proba([broken])
