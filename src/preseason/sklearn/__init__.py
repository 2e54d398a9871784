"""A classifier with scikit-learn's interface, for pipelines, grid searches and cross-validation."""

import io
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from preseason.arrays.types import Floats
from preseason.data.dataset import File, Sample
from preseason.data.given import dataset, sources_of
from preseason.errors import DataError, UsageError
from preseason.fitting.fit import fit
from preseason.models.classifier import Model
from preseason.models.loading import load
from preseason.recipe import Recipe
from preseason.runtime.progress import Silent
from preseason.tasks.reading import fingerprinted


class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no types in scikit-learn
    """A pretrained network fine-tuned on labelled files or texts.

    X is a sequence of n paths (photos, clips, sounds, text files) or of n texts, one-dimensional; y holds n
    labels of any type that numpy can sort. The parameters are settings of `preseason.fit` under the same
    names; None and the defaults leave the choice to the fit. The feature bank is shared by all fits: a grid
    search or a cross-validation runs the pretrained network once over every example.

    Attributes:
        classes_: the distinct labels, sorted; the columns of `predict_proba`.
        model_: the fitted `preseason.Model`, with its record, `explain` and `save`.

    Example:
        scores = cross_val_score(TransferClassifier(head="linear", unfreeze="0"), paths, players)
    """

    def __init__(
        self,
        *,
        task: str = "auto",
        backbone: str = "auto",
        weights: str | None = None,
        head: str = "auto",
        unfreeze: str = "auto",
        budget: str | float | None = None,
        seed: int = 0,
        device: str = "auto",
        cache: str | None = None,
        image_size: int | None = None,
        frames: int | None = None,
        views: int = 4,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        folds: int = 4,
    ) -> None:
        self.task = task
        self.backbone = backbone
        self.weights = weights
        self.head = head
        self.unfreeze = unfreeze
        self.budget = budget
        self.seed = seed
        self.device = device
        self.cache = cache
        self.image_size = image_size
        self.frames = frames
        self.views = views
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.folds = folds

    def fit(self, X: Iterable[Any], y: ArrayLike, groups: Sequence[Any] | None = None) -> Self:  # noqa: N803
        """Fine-tune on n examples.

        Args:
            X: n paths or n texts.
            y: n labels.
            groups: n names of what belongs together, such as the match: never parted by the cross-validation
                inside the fit.

        Raises:
            UsageError: a setting cannot be used, or X and y do not match.
            DataError: nothing can be learnt from the examples.
        """
        inputs = _one_dimensional(X)
        labels = np.asarray(y)
        if labels.ndim != 1:
            raise UsageError(f"y has the shape {labels.shape}: expected one label for each input.")
        if type_of_target(labels) == "continuous":
            raise UsageError("y holds fractions, not classes: a classifier needs a label for each input.")
        self.classes_: NDArray[Any] = np.unique(labels)
        names = [str(label) for label in self.classes_]
        if len(set(names)) < len(names):
            raise UsageError("Two labels in y are written alike, such as 1 and '1': use one type.")
        examples = dataset(inputs, [str(label) for label in labels], groups)
        self._files = isinstance(examples.samples[0].source, File) if examples.samples else False
        default = Recipe()
        given = {
            ("budget_s" if name == "budget" else name): value for name, value in self.get_params().items()
        }
        changed = {name: value for name, value in given.items() if value != getattr(default, name)}
        model = fit(examples, **changed)
        if not isinstance(model, Model):
            raise UsageError(f"TransferClassifier predicts labels; task={self.task!r} does something else.")
        if set(model.labels) != set(names):
            lost = ", ".join(sorted(set(names) - set(model.labels)))
            raise DataError(f"None of the examples of {lost} can be used, so its class cannot be learnt.")
        self.model_ = model
        self._columns = [model.labels.index(name) for name in names]
        return self

    def predict_proba(self, X: Iterable[Any]) -> Floats:  # noqa: N803
        """Calibrated probabilities, float32 [n, c], in the order of `classes_`.

        Raises:
            DataError: an input cannot be read.
        """
        check_is_fitted(self, "model_")
        inputs = _one_dimensional(X)
        if not inputs:
            raise DataError("There is nothing to predict: X is empty.")
        sources = sources_of(inputs, self._files)
        unread = dataset((), ())
        samples, skipped = fingerprinted(
            unread.keep(tuple(Sample(source) for source in sources)), self.model_.job
        )
        answers, failed = self.model_.answers(samples, Silent())
        faults = skipped + failed
        if faults:
            more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
            raise DataError(f"{faults[0].path} cannot be predicted: {faults[0].reason}{more}.")
        return answers.probabilities[:, self._columns]

    def predict(self, X: Iterable[Any]) -> NDArray[Any]:  # noqa: N803
        """The most probable label of each input, [n], of the type of y.

        Raises:
            DataError: an input cannot be read.
        """
        chosen: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return chosen

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The parameters, and a fitted model as the bytes of its folder."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _packed(self.model_)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state.get("model_"), bytes):
            place = tempfile.mkdtemp(prefix="preseason-")
            # The folder goes with the estimator: a model opens some of its files when they are needed.
            weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(state["model_"])) as archive:
                archive.extractall(place)
            state = state | {"model_": load(place, device=state["device"], cache=state["cache"])}
        super().__setstate__(state)


def _one_dimensional(inputs: Iterable[Any]) -> list[Any]:
    """The inputs of a sequence, an array or a column of a table.

    Raises:
        UsageError: it has two dimensions, or is a single text.
    """
    if isinstance(inputs, str | bytes):
        raise UsageError("X is a single text: put it into a list.")
    shape = getattr(inputs, "shape", None)
    if shape is not None and len(shape) != 1:
        raise UsageError(
            f"X has the shape {tuple(shape)}: expected one path or text for each example. Of a table, pass "
            "the column."
        )
    return list(inputs)


def _packed(model: Model) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        model.save(folder)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return packed.getvalue()
