"""`preseason evaluate MODEL DATA`."""

from typing import TYPE_CHECKING, Any

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, column_options, model_options, naming_options, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.results import Evaluation


@verb("evaluate")
@click.argument("model")
@click.argument("data")
@column_options
@naming_options
@click.option(
    "--timeline", metavar="FILE.html", help="For models of actions: draw what was found beside the labels."
)
@click.option(
    "--adapt", is_flag=True, help="Also re-centre the features on DATA, and report whether it helps."
)
@model_options
def evaluate(
    *,
    model: str,
    data: str,
    text: str | None,
    label: str | None,
    path: str | None,
    rename: tuple[str, ...],
    timeline: str | None,
    adapt: bool,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Score a model on labelled data that it has not seen.

    MODEL is a folder that `fit` wrote; DATA is labelled as for `fit`. For a model of actions with times, the
    videos are searched as well and SoccerNet's average-mAP is reported.
    """
    import preseason
    from preseason.cli.problems.base import terminals
    from preseason.models.loading import classifier, classifies

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    draws = classifies(loaded) and terminals.get(loaded.problem.name).timelines
    if timeline is not None and not draws:
        raise UsageError(
            f"--timeline is for models of actions in matches; {model} is a model of {loaded.task}."
        )
    evaluation = loaded.evaluate(data, report, text=text, label=label, path=path, rename=rename)
    fields = shapes.of_evaluation(model, loaded.labels, evaluation)
    lines = [words.of_evaluation(evaluation, fields)]
    if adapt:
        model_again = classifier(loaded, "evaluate --adapt")
        again = model_again.evaluate(
            data, report, text=text, label=label, path=path, rename=rename, adapt=True
        )
        fields["adapted"], more = _adapted(evaluation, again)
        lines += more
    searched, found = terminals.get(evaluation.problem).search(loaded, data, report, timeline, rename)
    return Outcome(fields | searched, "\n".join([*lines, *found]))


def _adapted(plain: "Evaluation", again: "Evaluation") -> tuple[dict[str, Any], list[str]]:
    """Whether re-centring helped, as a paired difference."""
    from preseason.data.split import group_numbers
    from preseason.evaluation.paired import paired
    from preseason.problems.base import problems

    right = [problems.get(each.problem).right(each.answers) for each in (plain, again)]
    difference = paired(right[0], right[1], group_numbers(plain.answers.samples))
    points, low, high = (100 * v for v in (difference.difference, difference.low, difference.high))
    verdict = (
        "it helps" if difference.low > 0 else "it hurts" if difference.high < 0 else "this may be chance"
    )
    line = f"With --adapt {points:+.1f} points ({low:+.1f} to {high:+.1f}): {verdict}."
    fields = {
        "metrics": shapes.metrics_of(again.problem, again.metrics),
        "difference": difference,
        "change": again.adaptation,
        "verdict": verdict,
    }
    return fields, [*words.of_adaptation(again), line]
