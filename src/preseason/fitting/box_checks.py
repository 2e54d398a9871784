"""What is checked of a model of boxes once it is fitted: labels that are probably wrong."""

from dataclasses import replace

from preseason.diagnostics.box_errors import check
from preseason.fitting.context import FitContext
from preseason.fitting.problems.base import FittedModel
from preseason.results import BoxPredictions


def with_box_checks(context: FitContext, model: FittedModel) -> FittedModel:
    """The model, its record with what was found; unchanged where it predicts no boxes."""
    record = model.record
    if not isinstance(record.answers, BoxPredictions):
        return model
    found = check(record.answers, context.task.noun)
    context.warnings.add("label_errors", [found["warning"]] if "warning" in found else [])
    trust = record.trust | {"label_errors": found}
    return model.with_record(replace(record, trust=trust, warnings=context.warnings.texts()))
