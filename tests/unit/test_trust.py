"""The checks of trust: they find what was planted, and are silent where nothing was."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from preseason.cli.words import of_warnings
from preseason.data.dataset import File, Sample
from preseason.diagnostics import checks, messages
from preseason.diagnostics.deciding_words import deciders, names_alone, without_names
from preseason.diagnostics.label_errors import suspects
from preseason.diagnostics.shortcuts import Shortcuts
from preseason.diagnostics.split_check import honest_split
from preseason.diagnostics.unknown_inputs import bounds, price
from preseason.errors import UsageError
from preseason.evaluation.learning_curve import Curve, Forecast, Gain
from preseason.evaluation.metrics import measure
from preseason.heads.attention import AttentionNetwork, head_of
from preseason.inference.answers import BatchPredictions
from preseason.inference.features import Features
from preseason.inference.parts import Scales
from preseason.inference.probabilities import softmax
from preseason.models.manifest import _without_paths
from preseason.openset.detection import choose
from preseason.recipe import Recipe, parse_share
from preseason.results import Figure
from preseason.training.scratch import guess_warning


def answers_to(targets: np.ndarray, classes: int, margin: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(targets), classes))
    logits[np.arange(len(targets)), targets] += margin
    return softmax(logits.astype(np.float32))


def test_of_equal_shares_the_same_one_is_told_in_every_process() -> None:
    tests = [
        {"key": key, "shown": key, "accuracy": 1.0, "full": 1.0, "share": 1.0}
        for key in ("names", "surroundings", "colours")
    ]
    said = messages.shortcuts({"tests": tests, "chance": 0.5}, "photos")["said"]
    assert said.index("colours") < said.index("background") < said.index("names, hashtags")


@pytest.mark.parametrize(
    ("given", "said", "told"),
    [
        ("aaaaaabbbbbb", "bbbbbbaaaaaa", "'a' is called 'b' 6 of 6 times"),
        ("aaaaaabbbbbb", "bbbbbaaaaabb", ""),  # by chance
        ("ccccccdddddd", "aaaaaabbbbbb", ""),  # labels that training lacks are told elsewhere
        ("aaaaaaaaabbb", "aaaaaaaaaaaa", ""),
        ("abcabcabcabcabc", "bcabcabcabcabca", "Only 0 of 15 test photos"),
    ],
)
def test_a_test_part_whose_labels_mean_something_else_is_told(given: str, said: str, told: str) -> None:
    assert told in " ".join(messages.crossed_labels(given, said, "photos"))
    assert bool(messages.crossed_labels(given, said, "photos")) == bool(told)


def test_flipped_labels_are_suspects_and_the_right_name_is_suggested() -> None:
    truth = np.arange(200) % 4
    said = answers_to(truth, 4, 7.0)
    given = truth.copy()
    flipped = np.arange(0, 200, 20)
    given[flipped] = (given[flipped] + 1) % 4
    found = suspects(said, given)
    places = {each.place for each in found}
    assert places <= set(flipped.tolist())
    assert len(places) >= 8
    assert all(each.suggested == truth[each.place] for each in found)
    assert found[0].trust <= found[-1].trust <= 0.05


def test_right_labels_are_no_suspects() -> None:
    truth = np.arange(200) % 4
    assert suspects(answers_to(truth, 4, 7.0), truth) == ()


def test_a_class_of_one_answer_is_left_out_and_the_others_are_judged() -> None:
    truth = np.append(np.arange(90) % 3, 3)
    said = answers_to(truth, 4, 7.0)
    given = truth.copy()
    given[0] = 1
    assert [each.place for each in suspects(said, given)] == [0]
    assert suspects(said[-1:], given[-1:]) == ()


def bursts(groups: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bursts of nearly equal rows whose class says nothing of where they lie."""
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(groups, 30))
    group = np.repeat(np.arange(groups), size)
    rows = middle[group] + 0.05 * rng.normal(size=(groups * size, 30))
    return (rows / np.sqrt(30)).astype(np.float32), (rng.integers(2, size=groups))[group], group


def test_the_receipt_shows_what_a_random_split_would_have_claimed() -> None:
    rows, targets, group = bursts(30, 4)
    found = honest_split(rows, targets, group, 2)
    assert found is not None
    assert found.chance - found.honest > 0.15
    assert found.low > 0
    assert found.pairs
    for pair in found.pairs:
        assert group[pair.tested] == group[pair.learnt]
        assert targets[pair.tested] == targets[pair.learnt] != pair.wrong


def test_without_groups_there_is_no_receipt() -> None:
    rows, targets, _ = bursts(30, 1)
    assert honest_split(rows, targets, np.arange(30), 2) is None


def test_attention_over_all_parts_is_the_answer_and_hidden_parts_do_not_count() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 4, 8)).astype(np.float16)
    scales = Scales(np.zeros(4, np.int64), np.zeros((1, 8), np.float32), np.ones((1, 8), np.float32))
    head = head_of(scales, AttentionNetwork(8, 3).eval())
    changed = rows.copy()
    changed[:, 3] = 5.0
    masks = np.array([[True] * 4, [True, True, True, False]])[:, None]
    full, part = head.within(Features.of([rows]), masks)
    np.testing.assert_allclose(full, head.logits(Features.of([rows])), atol=1e-5)
    np.testing.assert_allclose(part, head.within(Features.of([changed]), masks)[1], atol=1e-5)
    assert np.abs(full - head.within(Features.of([changed]), masks)[0]).max() > 1e-3


def test_words_that_decide_alone_are_named_with_their_kind() -> None:
    texts = [f"a match of number {i} #boring" for i in range(30)]
    texts += [f"a match of number {i} what joy" for i in range(30)]
    found = deciders(texts, ["sad"] * 30 + ["glad"] * 30)
    assert {(each.word, each.kind, each.label) for each in found} == {
        ("#boring", "hashtag", "sad"), ("joy", "word", "glad"), ("what", "word", "glad"),
    }  # fmt: skip


def test_words_that_decide_are_those_in_files_not_those_of_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["delayed again"] * 30 + ["a lovely match"] * 30
    for number, text in enumerate(said):
        (tmp_path / f"{number}.txt").write_text(text, "utf-8")
    evidence = SimpleNamespace(
        candidate=lambda head: True,
        samples=[Sample(File(tmp_path / f"{number}.txt")) for number in range(60)],
        labels=("sad", "glad"),
        targets=np.repeat([0, 1], 30),
        noun="texts",
    )
    monkeypatch.setattr(checks, "hidden_words", lambda evidence: Shortcuts(0.5, ()))
    found = checks.shortcuts(SimpleNamespace(evidence=evidence))  # type: ignore[arg-type]
    assert {"delayed", "lovely"} <= {each["word"] for each in found["deciders"]}


def test_names_are_taken_out_of_a_text_or_left_alone() -> None:
    text = "What a goal by Lionel Messi in minute 90 @fifa #WorldCup"
    assert "Messi" not in without_names(text)
    assert without_names(text).split() == ["What", "a", "goal", "by", "in", "minute"]
    assert names_alone(text).split() == ["#WorldCup", "Lionel", "Messi", "90"]


@pytest.mark.parametrize(
    ("text", "share"),
    [("1/50", 0.02), ("0.02", 0.02), (".5", 0.5), ("2%", 0.02), (" 2 % ", 0.02), (0.1, 0.1)],
)
def test_shares(text: str | float, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "few", "0", "1", "1/0", "50/1", "-1/50", "150%", "1e-3", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a valid share of unknown inputs"):
        Recipe(max_unknown_accepted=text)


def blobs(seed: int, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = np.arange(400) % 5
    means = np.random.default_rng(9).normal(size=(5, 16)) * apart
    return (means[targets] + rng.normal(size=(400, 16))).astype(np.float32), targets


@pytest.mark.parametrize("budget", [0.02, 0.2])
def test_the_budget_of_strangers_is_kept_and_a_tighter_one_costs_more(budget: float) -> None:
    rows, targets = blobs(0, apart=0.8)
    choice = choose(rows, targets, budget=budget)
    assert choice.unknown_accepted is not None
    assert choice.unknown_accepted <= budget
    assert {label for label, _, _ in choice.left_out} == set(range(5))
    assert choice.known_rejected >= choose(rows, targets, budget=2 * budget).known_rejected


def test_the_price_is_told_in_words() -> None:
    rows, targets = blobs(0)
    choice = choose(rows, targets, budget=0.02)
    samples = tuple(Sample(File(Path(f"{i}.jpg")), str(t)) for i, t in enumerate(targets))
    distance = np.where(np.arange(400) < 340, choice.threshold - 1, choice.threshold + 1).astype(np.float32)
    labels = tuple("abcde")
    answers = BatchPredictions(samples, labels, targets, answers_to(targets, 5, 9.0), distance)
    found = price(choice, answers, 0.02, "photos")
    assert "At most 2 % of unknown inputs may be given a label" in found["said"]
    assert (
        "85 % of the photos of known classes still get a label, the rest are left to you (15 %)"
        in found["said"]
    )
    assert "warning" not in found
    assert found["named_low"] <= found["named"] <= found["named_high"]
    few = BatchPredictions(
        samples, labels, targets, answers.probabilities, np.full(400, choice.threshold + 1)
    )
    assert "is too strict" in price(choice, few.__class__(*vars(few).values()), 0.02, "photos")["warning"]


def test_none_of_few_strangers_is_no_promise_of_never() -> None:
    rows, targets = blobs(0, apart=9.0)
    low, high = bounds(choose(rows, targets, budget=0.01))
    assert low < 0.01 < high < 0.2


def test_the_outlook_names_what_helps_and_what_does_not() -> None:
    now = Forecast(1, 0.8, 0.76, 0.84)
    later = (Forecast(2, 0.9, 0.85, 0.93), Forecast(4, 0.95, 0.9, 0.98))
    gains = (Gain("salah", 0.04, 0.004), Gain("messi", 0.001, 0.01))
    score = measure(answers_to(np.arange(100) % 2, 2, 1.2), np.arange(100) % 2)["accuracy"]
    found = messages.curve(Curve((8.0,), (0.8,), (now, *later), gains), score)
    assert f"{100 * score.value:.0f} % ±" in found["said"]
    assert "20 more of salah: about +" in found["said"]
    assert "more of messi: no measurable gain" in found["said"]
    assert score.value <= found["forecasts"][0]["accuracy"] <= found["forecasts"][1]["accuracy"] <= 1


def test_the_two_worst_warnings_are_printed_and_the_others_counted() -> None:
    many = [f"worry {number}" for number in range(9)]
    rest = "7 more warnings are in the report; --verbose prints all."
    assert of_warnings(many) == ["Warning: worry 0", "Warning: worry 1", rest]
    assert of_warnings(many[:3])[-1] == "1 more warning is in the report; --verbose prints all."
    assert of_warnings(many[:2]) == ["Warning: worry 0", "Warning: worry 1"]
    assert of_warnings(many, most=9) == [f"Warning: {text}" for text in many]


def test_no_path_and_no_text_of_the_user_goes_into_the_model_folder() -> None:
    kept = _without_paths(
        {"suspects": [{"path": "/home/coach/messi/1.jpg", "label": "messi"}, {"path": "“Hi”", "text": "Hi"}]}
    )
    assert kept == {"suspects": [{"path": "1.jpg", "label": "messi"}, {"path": "a text"}]}


@pytest.mark.parametrize("what", ["frame", "moment"])
def test_what_one_moment_suffices_for_is_said_in_the_words_of_the_examples(what: str) -> None:
    test = {"key": f"one {what}", "shown": "", "accuracy": 0.9, "full": 0.9, "share": 1.0}
    said = messages.shortcuts({"tests": [test], "chance": 0.5}, "examples")["said"]
    assert said.startswith(f"A single {what} does as well (90 % against 90 % with all {what}s")
    assert ("movement" in said) == (what == "frame")


@pytest.mark.parametrize(("low", "warned"), [(0.30, True), (1 / 3, True), (0.34, False)])
def test_a_model_that_may_be_guessing_is_named(low: float, warned: bool) -> None:
    score = Figure(0.47, low, 0.64, 30)
    assert [text[:29] for text in guess_warning(score, 1 / 3)] == ["Not clearly better than alway"] * warned
    assert guess_warning(replace(score, n=0), 1 / 3) == []
