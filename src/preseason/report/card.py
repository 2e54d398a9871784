"""The model card: README.md with the front matter that the Hugging Face hub reads."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from preseason.report import words
from preseason.report.problems.base import pages
from preseason.results import FitRecord
from preseason.runtime.files import write_text
from preseason.tasks.base import tasks

LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc-by-4.0", "cc-by-nc-4.0", "gemma"}
MAX_CLASSES = 60
BACKTICK = "\\u0060"


def write_card(record: FitRecord, path: Path, name: str | None = None) -> None:
    """Write the model card to `path`, by rename.

    Args:
        record: what the fit found; nothing of it that names a folder of this machine is written.
        path: the file, e.g. `players/README.md`.
        name: what the model is called; None takes the folder's name.
    """
    title = name if name is not None else path.resolve().parent.name
    parts = (_front_matter(record, title), _about(record, title), _use(record, title))
    closing = (_data(record), _figures(record), _limits(record), _recipe(record))
    write_text(path, "\n\n".join(parts + closing) + "\n", errors="replace")


def front_matter(matter: dict[str, Any], licence: str) -> str:
    """The block at the head of a card, between its two lines of dashes, in ASCII.

    Args:
        matter: nested dicts, lists, text and numbers.
        licence: of the pretrained network; the hub's list lacks some, which are named beside `other`.

    Example:
        >>> print(front_matter({"tags": ["yes", "1: 2"]}, "MIT"))
        ---
        license: mit
        tags:
        - 'yes'
        - '1: 2'
        ---
    """
    listed = licence.lower() in LICENCES
    named = (
        {"license": licence.lower()}
        if listed
        else {"license": "other", "license_name": licence or "not-known"}
    )
    return f"---\n{yaml.safe_dump(named | matter, sort_keys=False)}---"


def _front_matter(record: FitRecord, title: str) -> str:
    pipeline = tasks.get(record.task).modality.hub_task
    matter: dict[str, Any] = {
        "library_name": "preseason",
        "tags": ["preseason", "transfer-learning", record.task],
    }
    matter |= {"pipeline_tag": pipeline, "base_model": record.backbone}
    matter |= {"metrics": list(pages.get(record.problem).hub_metrics)}
    if record.score.n:
        matter["model-index"] = [_index_entry(record, title, pipeline)]
    return front_matter(matter, record.licence)


def _index_entry(record: FitRecord, title: str, pipeline: str) -> dict[str, Any]:
    figures = pages.get(record.problem).hub_figures(record)
    measured = [{"type": kind, "value": round(value, 4)} for kind, value in figures.items()]
    # The hub asks for the type of a data set, so data of one's own is called custom.
    data = {"name": "own data, cross-validated or held out", "type": "custom"}
    result = {"task": {"type": pipeline}, "dataset": data, "metrics": measured}
    return {"name": title, "results": [result]}


def _about(record: FitRecord, title: str) -> str:
    page = pages.get(record.problem)
    noun = words.noun_of(record.task)
    total = words.count(sum(record.counts.values()), noun)
    lines = [
        f"# {words.markdown(title)}",
        f"{page.about(record)}. Fitted by preseason on {total}, starting from the pretrained "
        f"{words.markdown(record.backbone)}, with the {words.markdown(record.head)} head.",
        f"**{words.capitalised(page.summary(record))}.**",
    ]
    return "\n\n".join(lines)


def _use(record: FitRecord, title: str) -> str:
    noun = words.noun_of(record.task)
    modality = tasks.get(record.task).modality
    example, package = modality.file_name, modality.package
    folder = title if re.fullmatch(r"[\w.-]+", title, re.ASCII) else "this-folder"
    return (
        f"## Use\n\n```\npip install {package}\npreseason predict {folder} "
        f'{example}\n```\n\n```python\nimport preseason\n\nmodel = preseason.load("{folder}")\nanswer '
        f'= model.predict("{example}")[0]\nprint(answer.label, answer.probability, '
        f"answer.unknown)\n```\n\n`unknown` is true if the {noun} is unlike every known class; "
        "`label` is then the nearest class."
    )


def _data(record: FitRecord) -> str:
    noun = words.noun_of(record.task)
    rows = [f"| {words.markdown(name)} | {n:,} |" for name, n in list(record.counts.items())[:MAX_CLASSES]]
    more = len(record.counts) - len(rows)
    table = "\n".join([f"| class | {noun}s |", "|---|---:|", *rows])
    rest = f"\n\nand {words.count(more, 'more class').replace('classs', 'classes')}." if more else ""
    left = (
        f"{len(record.skipped)} left out as unreadable; {len(record.duplicates)} groups of near-duplicates."
    )
    return f"## Data\n\n{table}{rest}\n\n{left}"


def _figures(record: FitRecord) -> str:
    page = pages.get(record.problem)
    if not record.score.n:
        return f"## {page.measure}\n\nNot measured: no example was held out."
    judged = f"{words.judged(record)} {words.delivered(record)}"
    return f"## {page.measure}\n\n{page.card(record)}\n\n{judged}"


def _limits(record: FitRecord) -> str:
    verdict = words.transfer(record)
    points = [words.markdown(words.without_folders(line)) for line in record.warnings]
    points += [f"{verdict.title}: {verdict.text}", *pages.get(record.problem).limits(record)]
    points.append(
        "The model knows only what its data showed: it may do worse with other cameras, kits or places."
    )
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points)


def _recipe(record: FitRecord) -> str:
    # A value that holds a fence would end the block; JSON text can spell a backtick otherwise.
    lines = [
        f"{key} = {json.dumps(value).replace('`', BACKTICK)}" for key, value in words.settings(record).items()
    ]
    versions = ", ".join(words.markdown(f"{name} {version}") for name, version in record.versions.items())
    licence = words.markdown(record.licence or "not known")
    backbone = words.markdown(record.backbone)
    closing = f"Weights of {backbone}: licence {licence}. Versions: {versions or 'not noted'}."
    return "## Recipe\n\n```\n" + "\n".join(lines) + f"\n```\n\n{closing}"
