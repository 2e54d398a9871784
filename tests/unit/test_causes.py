"""Each planted error gets its cause, and repairs are sorted by what they mend for a minute."""

from dataclasses import replace

import numpy as np
import pytest

from preseason.analysis.actions import repairs_of
from preseason.analysis.causes import Evidence, counts_of, errors_of
from preseason.data.dataset import Sample, Text
from preseason.inference.answers import BatchPredictions
from preseason.openset.probe import probe
from preseason.openset.reference_set import ReferenceSet, fit_reference_set

LABELS = ("a", "b", "c")
TRUTHS = {"stranger": -1, "label": 0, "far": 0, "cropped": 0, "scarce": 2, "alike": 0, "right": 1}


def known_three(rng: np.random.Generator) -> ReferenceSet:
    """30 examples of a and b, 6 of c, in three clouds; members were 90 % sure and right."""
    targets = np.repeat([0, 1, 2], [30, 30, 6])
    embeddings = (4 * np.eye(3, 8)[targets] + 0.3 * rng.normal(size=(66, 8))).astype(np.float32)
    said = np.full((66, 3), 0.05, np.float32)
    said[np.arange(66), targets] = 0.9
    return fit_reference_set(LABELS, embeddings, targets, said, np.arange(66) % 4, probe)[0]


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    rng = np.random.default_rng(0)
    known = known_three(rng)
    places = {"a": 4 * np.eye(3, 8)[:1], "b": 4 * np.eye(3, 8)[1:2]}
    between = (places["a"] + places["b"]) / 2
    embeddings = np.concatenate([places["b"]] * 2 + [between] * 4 + [places["b"]]).astype(np.float32)
    rows = np.tile([0.3, 0.6, 0.1], (7, 1))
    rows[1] = (0.02, 0.96, 0.02)
    rows[2:4] = (0.15, 0.8, 0.05)
    samples = tuple(
        Sample(Text(f"text {name}"), "kane" if truth < 0 else LABELS[truth], fingerprint=name)
        for name, truth in TRUTHS.items()
    )
    far = np.array([name == "far" for name in TRUTHS])
    answers = BatchPredictions(
        samples, LABELS, np.array(list(TRUTHS.values())), rows.astype(np.float32), np.zeros(7, np.float32),
        vectors=known.place(embeddings),
    )  # fmt: skip
    return Evidence(answers, known, far, {3: "cut to the middle it is 90 % a"})


def test_each_error_has_the_cause_that_was_planted(evidence: Evidence) -> None:
    found = {evidence.answers.samples[each.place].fingerprint: each.cause for each in errors_of(evidence)}
    assert found == {
        "stranger": "unknown",
        "label": "label",
        "far": "drift",
        "cropped": "crop",
        "scarce": "few labels",
        "alike": "look-alike",
    }


def test_a_label_is_doubted_only_with_the_neighbours_against_it(evidence: Evidence) -> None:
    assert evidence.answers.vectors is not None
    vectors = evidence.answers.vectors.copy()
    vectors[1] = vectors[2]
    between = replace(evidence, answers=replace(evidence.answers, vectors=vectors))
    causes = {each.place: each.cause for each in errors_of(between)}
    assert causes[1] != "label"


def test_repairs_are_the_cheapest_first(evidence: Evidence) -> None:
    errors = errors_of(evidence)
    assert sum(counts_of(errors).values()) == 6
    found = repairs_of(errors, evidence.answers, evidence.known, "players", "new/")
    rates = [each.mends / each.minutes for each in found]
    assert len(found) == 3
    assert rates == sorted(rates, reverse=True)
    assert "Check 1 label" in found[0].words
    assert found[0].inputs == ("text label",)


def test_a_stranger_seen_often_is_taught_by_a_command(evidence: Evidence) -> None:
    samples = tuple(replace(sample, label="harry kane") for sample in evidence.answers.samples)
    strange = replace(evidence.answers, samples=samples, targets=np.full(7, -1))
    errors = errors_of(replace(evidence, answers=strange))
    (repair,) = repairs_of(errors, strange, evidence.known, "players", "new/")
    assert repair.command == 'preseason add players "harry kane" PATHS'
    assert len(repair.inputs) == 7
