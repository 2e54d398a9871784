"""The examples a model knows, as short vectors: who is a stranger, and how a class is added or removed.

Vectors come from the frozen network (weighted by attention, which the labels have shaped), so a class that
was never trained on has a place among them too. No picture is kept, only its vector.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.scaling import rotation_of
from preseason.arrays.types import Floats, Ints
from preseason.data.dataset import Sample
from preseason.errors import UsageError
from preseason.inference.probabilities import joined
from preseason.inference.strangers import PartEvidence, UnknownScorer
from preseason.openset.detection import Choice, FitPredict, choose, deal, fit_scorer, thin

WIDTH = 256
MAX_EXAMPLES = 4000
MAX_RESHAPED = 1500
"""Examples up to which principal directions are found anew for every class left out."""
STRENGTH = 1e-2
OOF_KEY = "said"
"""What `oof_proba` is called in a model folder."""

Probe = Callable[[Floats, Ints, int], tuple[Floats, Floats]]
"""Fits linear logits: vectors [n, d], targets [n], classes -> weights [d, c], biases [c]."""


@dataclass(frozen=True)
class Example:
    """Which example a vector is of: enough to find it again where it lies, not to see it.

    Attributes:
        name: of the file alone, without its folders; empty for a text, which stays with its owner.
        fingerprint: of the content.
        span: start and end in seconds, of a part of a video.
    """

    name: str
    fingerprint: str
    span: tuple[float, float] | None = None


def example_of(sample: Sample) -> Example:
    """The trace of a sample that a model keeps."""
    name = sample.source.name
    return Example(name, sample.fingerprint, sample.span)


@dataclass(frozen=True)
class ReferenceSet:
    """Known examples and what was learnt from them about strangers.

    Attributes:
        labels: class names in the order of `targets`; the first are those the network was trained on.
        trained: how many of the classes the network itself was trained on, in its own order `columns`.
        columns: which of the network's outputs stand for the first `trained` labels.
        centre, directions: float32 [e] and [e, d]: vectors are `(embedding - centre) @ directions`.
        vectors: float32 [n, d] of the known examples.
        targets: int64 [n].
        oof_proba: float32 [n, trained] probabilities by fold models that had not seen the example.
        folds: int64 [n], which fold each example was held out in.
        weight, bias: a linear probe on the vectors, float32 [d, c] and [c].
        scorer, threshold: distance to the known, and where unknown begins.
        examples: of each vector, what it is of; empty in models of before this was kept.
        evidence: of a part that some examples show, such as a face; None where strangers are told without.
    """

    labels: tuple[str, ...]
    columns: tuple[int, ...]
    centre: Floats
    directions: Floats
    vectors: Floats
    targets: Ints
    oof_proba: Floats
    folds: Ints
    weight: Floats
    bias: Floats
    scorer: UnknownScorer
    threshold: float
    examples: tuple[Example, ...] = ()
    evidence: PartEvidence | None = None

    @property
    def trained(self) -> int:
        """How many classes the network itself answers for."""
        return len(self.columns)

    def place(self, embeddings: Floats) -> Floats:
        """Vectors float32 [m, d] of embeddings [m, e]."""
        return np.asarray((embeddings - self.centre) @ self.directions, np.float32)

    def distance(self, vectors: Floats, parts: Floats | None = None) -> Floats:
        """Unlikeness to every known class, float32 [m].

        Args:
            parts: float32 [m, d], where there is `evidence`: the part of each, zeros where it shows none.

        Raises:
            ValueError: there is evidence and no parts are given.
        """
        other = self.scorer.distance(vectors, vectors @ self.weight + self.bias)
        if self.evidence is None:
            return other
        if parts is None:
            raise ValueError("strangers are told by parts as well: received None, expected float32 [m, d]")
        return self.evidence.joined(other, parts)

    def probabilities(self, network: Floats, vectors: Floats) -> Floats:
        """Probabilities of `labels`, float32 [m, c].

        Added classes get what the probe gives them; the network's classes share the rest.

        Args:
            network: float32 [m, outputs of the network].
            vectors: float32 [m, d].
        """
        return joined(network[:, self.columns], vectors, self.weight, self.bias)

    def recall(self, probe: Probe) -> dict[str, float]:
        """Share of each class's known examples that get its name, by members that had not seen them.

        A class without known examples is left out.
        """
        out = np.zeros((len(self.targets), len(self.labels)), np.float32)
        for fold in np.unique(self.folds):
            asked, rest = self.folds == fold, self.folds != fold
            weight, bias = probe(self.vectors[rest], self.targets[rest], len(self.labels))
            out[asked] = joined(self.oof_proba[asked], self.vectors[asked], weight, bias)
        right = out.argmax(1) == self.targets
        known = set(self.targets.tolist())
        return {
            name: float(right[self.targets == i].mean()) for i, name in enumerate(self.labels) if i in known
        }

    def added(
        self,
        name: str,
        embeddings: Floats,
        probe: Probe,
        examples: Sequence[Example] = (),
        parts: Floats | None = None,
    ) -> "ReferenceSet":
        """With a class more, or with more examples of an added class.

        Args:
            examples: what the new vectors are of.
            parts: of the new ones, where there is `evidence`, see `distance`.

        Raises:
            UsageError: the network itself was trained on a class of that name.
        """
        if name in self.labels[: self.trained]:
            raise UsageError(
                f"{name!r} is one of the classes this model was trained on. Put new photos of it "
                "into the training folder and run fit again."
            )
        labels = self.labels if name in self.labels else (*self.labels, name)
        new = self.place(embeddings)
        count = len(np.unique(self.folds))
        nothing = np.full((len(new), self.trained), 1 / max(self.trained, 1), np.float32)
        grown = replace(
            self,
            labels=labels,
            vectors=np.concatenate([self.vectors, new]),
            targets=np.concatenate([self.targets, np.full(len(new), labels.index(name))]),
            oof_proba=np.concatenate([self.oof_proba, nothing]),
            folds=np.concatenate([self.folds, np.arange(len(new)) % max(count, 1)]),
            examples=(*self.examples, *examples) if self.examples else (),
            evidence=_grown(self.evidence, parts),
        )
        return grown._refitted(probe)

    def removed(self, name: str, probe: Probe) -> "ReferenceSet":
        """Without a class: its vectors are gone and the others share its probability.

        Raises:
            UsageError: there is no such class, or it is one of the last two.
        """
        if name not in self.labels:
            raise UsageError(f"This model has no class {name!r}. Its classes: {', '.join(self.labels)}.")
        if len(self.labels) <= 2:
            raise UsageError("A model needs at least two classes: the last two cannot be removed.")
        gone = self.labels.index(name)
        kept = self.targets != gone
        oof_proba, columns = self.oof_proba[kept], self.columns
        if gone < self.trained:
            oof_proba, columns = np.delete(oof_proba, gone, axis=1), columns[:gone] + columns[gone + 1 :]
            oof_proba = oof_proba / np.maximum(oof_proba.sum(axis=1, keepdims=True), 1e-9)
        targets = self.targets[kept]
        smaller = replace(
            self,
            labels=self.labels[:gone] + self.labels[gone + 1 :],
            columns=columns,
            vectors=self.vectors[kept],
            targets=np.where(targets > gone, targets - 1, targets),
            oof_proba=oof_proba,
            folds=self.folds[kept],
            examples=tuple(self.examples[i] for i in np.flatnonzero(kept)) if self.examples else (),
            evidence=None
            if self.evidence is None
            else replace(self.evidence, references=self.evidence.references[kept]),
        )
        return smaller._refitted(probe)

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays to store; `labels`, `columns` and `threshold` are stored beside them."""
        named = ("centre", "directions", "vectors", "targets", "folds", "weight", "bias")
        arrays = {name: getattr(self, name) for name in named} | {OOF_KEY: self.oof_proba}
        listed = [[each.name, each.fingerprint, each.span] for each in self.examples]
        arrays["examples"] = np.frombuffer(json.dumps(listed).encode(), np.uint8)
        arrays |= {f"scorer.{key}": value for key, value in self.scorer.state().items()}
        evidence = {} if self.evidence is None else self.evidence.state()
        return arrays | {f"evidence.{key}": value for key, value in evidence.items()}

    @classmethod
    def from_state(
        cls,
        arrays: dict[str, NDArray[Any]],
        labels: tuple[str, ...],
        columns: tuple[int, ...],
        threshold: float,
    ) -> "ReferenceSet":
        """What `state` was taken of."""
        scorer, evidence = (_below(prefix, arrays) for prefix in ("scorer.", "evidence."))
        own = {k: v for k, v in arrays.items() if "." not in k and k not in ("examples", OOF_KEY)}
        return cls(
            labels,
            columns,
            **own,
            oof_proba=arrays[OOF_KEY],
            scorer=UnknownScorer.from_state(scorer),
            threshold=threshold,
            examples=_examples_from(arrays.get("examples")),
            evidence=PartEvidence.from_state(evidence) if evidence else None,
        )

    def _refitted(self, probe: Probe) -> "ReferenceSet":
        weight, bias = probe(self.vectors, self.targets, len(self.labels))
        scorer = fit_scorer(self.scorer.kind, self.vectors, self.targets)
        return replace(self, weight=weight, bias=bias, scorer=scorer)


def _below(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def _grown(evidence: PartEvidence | None, parts: Floats | None) -> PartEvidence | None:
    if evidence is None:
        return None
    if parts is None:
        raise ValueError("strangers are told by parts as well: received None, expected float32 [m, d]")
    return replace(evidence, references=np.concatenate([evidence.references, parts]))


def _examples_from(stored: NDArray[np.uint8] | None) -> tuple[Example, ...]:
    listed = [] if stored is None else json.loads(stored.tobytes())
    return tuple(Example(name, mark, tuple(span) if span else None) for name, mark, span in listed)


def fit_reference_set(
    labels: tuple[str, ...],
    embeddings: Floats,
    targets: Ints,
    oof_proba: Floats,
    folds: Ints,
    probe: Probe,
    samples: Sequence[Sample] = (),
    strangers: float | None = None,
    parts: Floats | None = None,
) -> tuple[ReferenceSet, Choice]:
    """What is known of n examples, and how strangers were found by leaving whole classes out.

    The score and how many known examples it may refuse are chosen with a class missing; the threshold then
    refuses as many with all classes there, since distances shift with their number.

    Args:
        embeddings: float32 [n, e]; at most `MAX_EXAMPLES` are kept, evenly over the classes.
        oof_proba: float32 [n, c], by fold models that had not seen the example.
        folds: int64 [n]; where all are the same, the examples are dealt out anew.
        samples: what the embeddings are of, n or none.
        strangers: share of strangers that may get a name, see `choose`.
        parts: float32 [n, d] of a part that some examples show, see `choose`.
    """
    kept = thin(targets, MAX_EXAMPLES)
    examples = tuple(example_of(samples[i]) for i in kept) if samples else ()
    parts = None if parts is None else parts[kept]
    embeddings, targets, oof_proba = embeddings[kept], targets[kept], oof_proba[kept]
    folds = folds[kept] if len(np.unique(folds[kept])) > 1 else deal(targets)
    centre = embeddings.mean(axis=0)
    directions = _principal(embeddings - centre)
    vectors = ((embeddings - centre) @ directions).astype(np.float32)
    weight, bias = probe(vectors, targets, len(labels))

    seen_from = _Sight(embeddings, vectors)

    def fit_predict(train: Ints, asked: Ints) -> Floats:
        rows = seen_from(train)
        present, inverse = np.unique(targets[train], return_inverse=True)
        w, b = probe(rows[train], inverse, len(present))
        return np.asarray(rows[asked] @ w + b, np.float32)

    choice = choose(vectors, targets, fit_predict, folds, strangers, seen_from, parts)
    known = ReferenceSet(
        labels, tuple(range(len(labels))), centre, directions, vectors, targets, oof_proba, folds,
        weight, bias, choice.scorer, choice.threshold, examples, choice.evidence,
    )  # fmt: skip
    unseen = _unseen(choice, seen_from, targets, folds, fit_predict)
    share = 1 - choice.known_rejected
    threshold = float(np.quantile(unseen, share, method="higher" if strangers is None else "lower"))
    return replace(known, threshold=threshold), replace(choice, threshold=threshold, unseen=unseen)


class _Sight:
    """Where a part of the examples alone would have placed all: principal directions of that part.

    With few examples for each direction those of the whole set fit every example of it, strangers too, and
    leaving a class out would show nothing. With many it makes no difference and is not done.
    """

    def __init__(self, embeddings: Floats, vectors: Floats) -> None:
        self._vectors, self._rows = vectors, None
        self._last: tuple[bytes, Floats] = (b"", vectors)
        if len(embeddings) <= MAX_RESHAPED:
            centred = embeddings - embeddings.mean(axis=0)
            self._rows = centred @ rotation_of(centred, 0)

    def __call__(self, train: Ints) -> Floats:
        """Float32 [n, w]."""
        if self._rows is None:
            return self._vectors
        key = train.tobytes()
        if self._last[0] != key:
            middle = self._rows[train].mean(axis=0)
            directions = rotation_of(self._rows[train] - middle, 0)[:, ::-1][:, :WIDTH]
            rows = (self._rows - middle) @ directions
            # Where a part is one point, its rounding errors are no scale.
            deviation = max(float(rows[train].std()), 1e-6 * float(np.abs(rows).max()), 1e-9)
            self._last = key, np.asarray(rows / deviation, np.float32)
        return self._last[1]


def _unseen(choice: Choice, seen_from: _Sight, targets: Ints, folds: Ints, fit_predict: FitPredict) -> Floats:
    """Distance of each known example by the others' folds, float32 [n]."""
    out = np.zeros(len(targets), np.float32)
    for fold in np.unique(folds):
        asked, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        rows = seen_from(rest)
        scorer = fit_scorer(choice.scorer.kind, rows[rest], targets[rest])
        out[asked] = scorer.distance(rows[asked], fit_predict(rest, asked))
        if choice.evidence is not None:
            parts = choice.evidence.references
            out[asked] = replace(choice.evidence, references=parts[rest]).joined(out[asked], parts[asked])
    return out


def _principal(rows: Floats) -> Floats:
    """The leading directions float32 [e, d] of centred rows, each scaled to deviation 1 on average."""
    from sklearn.utils.extmath import randomized_svd

    count = min(WIDTH, len(rows), rows.shape[1])
    _, values, axes = randomized_svd(rows, n_components=count, n_iter=3, random_state=0)
    scale = np.sqrt(np.square(values).sum() / len(rows) / count)
    return np.asarray(axes.T / max(float(scale), 1e-9), np.float32)
