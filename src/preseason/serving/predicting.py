"""`/v1/predict`: photos, clips and texts, one or many, as a form or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from preseason.models.loading import classifies
from preseason.serving import intake
from preseason.serving.batching import Answer
from preseason.serving.examples import PREDICT, PREDICTED
from preseason.serving.explaining import Explained, explained
from preseason.serving.hosting import ServedModel
from preseason.serving.intake import Example
from preseason.serving.state import served
from preseason.serving.waiting import answered

router = APIRouter(tags=["answers"])
Answered = tuple[Example, Answer | None]


@router.post("/v1/predict", openapi_extra=PREDICT, responses=PREDICTED)
async def predict(request: Request) -> dict[str, Any]:
    """Name what is on photos or clips, or what texts say.

    Answers come in the order of the examples; what cannot be read is named in `skipped`. With `explain=true`
    each answer also says where the model looked, or which words counted.
    """
    own = served(request)
    async with intake.form_of(request, own.limits) as form:
        hosted = own.models.chosen(form.fields.get("model"))
        if not form.parts:
            raise intake.nothing(hosted.job.noun)
        with intake.own_folder(own.folder) as folder:
            examples = await intake.prepared(form, hosted.job, folder, own.limits)
            found = await _answers(request, hosted, examples)
            notes = await _notes(request, hosted, found) if form.flag("explain") else {}
    return shape(hosted, found, notes)


async def _answers(request: Request, hosted: ServedModel, examples: list[Example]) -> list[Answered]:
    """The examples with their answers; None for those that cannot be asked.

    Raises:
        RequestError: none of them can.
    """
    samples = [example.sample for example in examples if example.sample is not None]
    if not samples:
        raise intake.refusal(examples)
    future = hosted.batcher.ask(samples)
    found = await answered(request, future, served(request).limits.answer_s)
    answers = iter(found)
    together = [(each, None if each.sample is None else next(answers)) for each in examples]
    if not any(answer is not None and answer.prediction is not None for _, answer in together):
        raise intake.refusal([_unread(each, answer) for each, answer in together])
    return together


def _unread(example: Example, answer: Answer | None) -> Example:
    """An example that the model could not decode after all."""
    return example if answer is None else replace(example, sample=None, status=422, reason=answer.reason)


async def _notes(request: Request, hosted: ServedModel, found: Sequence[Answered]) -> dict[int, Explained]:
    """Explanations by the position of the example; those that cost passes run on the model's thread."""
    notes: dict[int, Explained] = {}
    if not classifies(hosted.model):
        return notes
    for place, (example, answer) in enumerate(found):
        if answer is None or answer.prediction is None or example.sample is None:
            continue
        model, sample = hosted.classifier, example.sample
        if model.job.modality.hides_words:
            work = hosted.batcher.run(lambda m=model, s=sample, a=answer: explained(m, s, a))  # type: ignore[misc]
            notes[place] = await answered(request, work, served(request).limits.answer_s)
        else:
            notes[place] = await run_in_threadpool(explained, model, sample, answer)
    return notes


def shape(hosted: ServedModel, found: Sequence[Answered], notes: dict[int, Explained]) -> dict[str, Any]:
    """What `predict --json` prints, and the place of each answer among what was asked."""
    predictions, skipped = [], []
    for place, (example, answer) in enumerate(found):
        if answer is not None and answer.prediction is not None:
            told = asdict(replace(answer.prediction, input=example.name)) | {"index": place}
            predictions.append(told | notes.get(place, {}))
        else:
            reason = example.reason if answer is None else answer.reason
            skipped.append({"path": example.name, "reason": reason, "index": place})
    return {"model": hosted.name, "predictions": predictions, "skipped": skipped}
