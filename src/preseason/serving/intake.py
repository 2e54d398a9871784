"""What a request asks about: files and texts, put where only this server looks, checked before they wait.

A name from a request is echoed and used for nothing else: files are called by number.
"""

import base64
import binascii
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from preseason.data.dataset import Sample, Source, Text
from preseason.errors import MediaError
from preseason.media import video
from preseason.modalities.base import Cost
from preseason.serving.faults import RequestError
from preseason.serving.limits import Limits

if TYPE_CHECKING:
    from preseason.tasks.base import Task

NAME_LETTERS = 200
TEXT_FIELDS = ("text", "texts")
"""Fields of a form that hold an example themselves."""
_FORM = "application/x-www-form-urlencoded"
"""What curl -d calls a body where nothing else is said."""
_SPACED = re.compile(r"[A-Za-z0-9/ ]*={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "": False}


@dataclass(frozen=True)
class Example:
    """One example of a request.

    Attributes:
        name: what the client calls it.
        sample: ready to be answered; None where it cannot be.
        status, reason: why not: 413 too large, 415 of no kind that the model reads, 422 damaged or empty.
    """

    name: str
    sample: Sample | None
    status: int = 200
    reason: str = ""


@dataclass
class Form:
    """A request taken apart.

    Attributes:
        fields: everything that is no example, e.g. `model`.
        parts: examples as (name, text or content).
    """

    fields: dict[str, str] = field(default_factory=dict)
    parts: "list[tuple[str, str | bytes | BinaryIO]]" = field(default_factory=list)

    def close(self) -> None:
        """Let go of uploaded files."""
        for _, part in self.parts:
            if not isinstance(part, str | bytes):
                part.close()

    def flag(self, name: str) -> bool:
        """A field that is true or false."""
        given = self.fields.get(name, "").lower()
        if given not in FLAGS:
            raise RequestError(422, f"{name}={given}: expected true or false.")
        return FLAGS[given]


@contextmanager
def own_folder(root: Path) -> Iterator[Path]:
    """A folder of one request below the server's own, gone when the request is answered."""
    with TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@asynccontextmanager
async def form_of(request: Request, limits: Limits) -> AsyncIterator[Form]:
    """The request's fields and examples, from a multipart form or from JSON; its files last as long as this.

    Raises:
        RequestError: 400 where it is broken, 415 where it is neither, 422 where nothing or too much is asked.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed != "identity":
        raise RequestError(415, f"Received a body packed with {packed}, expected it as it is.")
    if kind == "application/json" or kind.endswith("+json"):
        form = _from_json(await _json(request))
    elif kind in ("multipart/form-data", _FORM):
        form = await _from_parts(request, limits)
        if kind == _FORM and not form.parts and any(name.lstrip().startswith("{") for name in form.fields):
            raise RequestError(
                415,
                f"Received JSON as {kind}, expected application/json: -H 'Content-Type: application/json'.",
            )
    else:
        raise RequestError(
            415, f"Received {kind or 'no content type'}, expected multipart/form-data or application/json."
        )
    if len(form.parts) > limits.inputs:
        form.close()
        told = f"{len(form.parts)} examples in one request, and at most {limits.inputs} are taken."
        raise RequestError(413, told)
    try:
        yield form
    finally:
        form.close()


async def prepared(form: Form, job: "Task", folder: Path, limits: Limits) -> list[Example]:
    """The form's examples, written into `folder` and checked, in order."""
    return await run_in_threadpool(
        lambda: [_prepared(i, form, job, folder, limits) for i in range(len(form.parts))]
    )


def name_of(given: str) -> str:
    """A client's name for something, fit to be shown."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LETTERS]


def refusal(examples: Sequence[Example]) -> RequestError:
    """Why none of the examples can be answered."""
    first = examples[0]
    more = f" (and {len(examples) - 1} more)" if len(examples) > 1 else ""
    skipped = [{"path": each.name, "reason": each.reason} for each in examples]
    return RequestError(first.status, f"{first.name}: {first.reason}{more}.", {"skipped": skipped})


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise RequestError(400, 'The body is JSON but not an object: expected {"inputs": [...]}.')
    return found


def _from_json(found: dict[str, Any]) -> Form:
    form = Form({k: str(v) for k, v in found.items() if isinstance(v, str | int | float | bool)})
    inputs, texts = found.get("inputs", []), found.get("texts", [])
    if not isinstance(inputs, list) or not isinstance(texts, list):
        raise RequestError(422, "inputs and texts are lists.")
    for number, each in enumerate([*inputs, *({"text": one} for one in texts)], start=1):
        form.parts.append(_part(number, each))
    return form


def _part(number: int, each: Any) -> tuple[str, str | bytes]:
    shape = 'expected {"text": "..."} or {"data": "BASE64", "name": "1.jpg"}'
    if not isinstance(each, dict):
        raise RequestError(422, f"Input {number} is not an object: {shape}.")
    if isinstance(each.get("text"), str):
        return str(each.get("name", "")) or f"text {number}", each["text"]
    if not isinstance(each.get("data"), str):
        raise RequestError(422, f"Input {number} has neither text nor data: {shape}.")
    try:
        return str(each.get("name", "")) or f"input {number}", bytes_of(each["data"])
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, f"The data of input {number} is not base64: {error}.") from None


def bytes_of(written: str) -> bytes:
    """The content of base64 or of a data URL, as tools write them: with line ends, URL-safe, without padding.

    Forms turn each plus into a space: so it is where the length is right with the spaces and not without.

    Raises:
        ValueError: it is neither.

    Example:
        >>> bytes_of("aGV5\\r\\n"), bytes_of("_-8"), bytes_of("data:;base64,aGV5"), bytes_of("data:,a%20b")
        (b'hey', b'\\xff\\xef', b'hey', b'a b')
    """
    data = written.strip()
    if data[:5].lower() == "data:":
        head, _, data = data.partition(",")
        if not head.lower().rstrip().endswith(";base64"):
            return unquote_to_bytes(data)
        data = unquote(data)
    if len(data) % 4 == 0 and len("".join(data.split())) % 4 and _SPACED.fullmatch(data):
        data = data.replace(" ", "+")
    plain = "".join(data.split()).translate(_URL_SAFE).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


async def _from_parts(request: Request, limits: Limits) -> Form:
    from starlette.exceptions import HTTPException

    form = Form()
    try:
        received = await request.form(max_files=limits.inputs + 1, max_fields=limits.inputs + 20)
    except HTTPException as error:
        raise RequestError(400, f"The form is broken: {error.detail}") from None
    for name, value in received.multi_items():
        if isinstance(value, UploadFile):
            form.parts.append((value.filename or f"input {len(form.parts) + 1}", value.file))
        elif name in TEXT_FIELDS:
            form.parts.append((f"text {len(form.parts) + 1}", value))
        else:
            form.fields[name] = value
    return form


def _prepared(number: int, form: Form, job: "Task", folder: Path, limits: Limits) -> Example:
    given, content = form.parts[number]
    example = Example(name_of(given), None)
    try:
        source = _source(content, folder / f"{number:04}", job)
        check_cost(job.modality.cost(source), limits.clip_s, limits)
        sample = Sample(source)
        return replace(example, sample=replace(sample, fingerprint=job.fingerprint(sample)))
    except RequestError as fault:
        return replace(example, status=fault.status, reason=fault.message)
    except MediaError as error:
        return replace(example, status=422, reason=str(error))


def _source(content: "str | bytes | BinaryIO", path: Path, job: "Task") -> Source:
    """What was typed, or the content of a file, which is written to `path`.

    Raises:
        RequestError: the model reads something else.
        MediaError: it is damaged.
    """
    if isinstance(content, str):
        if not job.modality.typed:
            raise RequestError(415, f"a text, and this model reads {job.noun}")
        if not content.strip():
            raise RequestError(422, "an empty text")
        return Text(content.strip())
    reason = job.modality.check(_written(content, path))
    if reason is not None:
        raise RequestError(422 if "empty" in reason else 415, reason)
    return job.modality.source(path)


def _written(content: "bytes | BinaryIO", path: Path) -> Path:
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            shutil.copyfileobj(content, file, 1 << 20)
    return path


def check_match(path: Path, limits: Limits) -> video.Facts:
    """What a match video is.

    Raises:
        RequestError: it is none, or too large or long.
        MediaError: it is damaged.
    """
    reason = video.check(path)
    if reason is not None:
        raise RequestError(415, f"The file is not a match: {reason}.")
    facts = video.facts(path)
    check_cost(Cost(facts.height, facts.width, facts.duration_s), limits.match_s, limits)
    return facts


def check_cost(cost: Cost, most_s: float, limits: Limits) -> None:
    """Refuse what is too large.

    Raises:
        RequestError: 413, which of the limits it is beyond.
    """
    if cost.height * cost.width > limits.pixels:
        most = limits.pixels // 10**6
        raise RequestError(413, f"{cost.width} x {cost.height} pixels, and at most {most} million are taken")
    if cost.duration_s > most_s:
        raise RequestError(
            413, f"{cost.duration_s:.0f} s long, and at most {most_s:.0f} s are taken: send a part of it"
        )
    if cost.letters > limits.text_letters:
        raise RequestError(413, f"{cost.letters} letters, and at most {limits.text_letters} are taken")


def nothing(noun: str) -> RequestError:
    """The request asks about nothing."""
    return RequestError(422, f"The request holds no {noun}: add a file, a text, or inputs in JSON.")
