"""What tools send: base64 in its spellings, HEAD, and labels in any script."""

import asyncio
import base64

import pytest
from starlette.requests import Request

from preseason.serving import intake
from preseason.serving.corrections import MAX_LETTERS, check_label
from preseason.serving.faults import RequestError
from preseason.serving.head_requests import HeadRequests
from preseason.serving.intake import bytes_of
from preseason.serving.limits import Limits

CONTENT = bytes(range(256)) * 3


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(CONTENT).decode(),
        base64.encodebytes(CONTENT).decode(),
        base64.encodebytes(CONTENT).decode().replace("\n", "\r\n"),
        base64.urlsafe_b64encode(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode().rstrip("="),
        "data:image/png;base64," + base64.b64encode(CONTENT).decode(),
        "DATA:image/png;charset=x;BASE64," + base64.urlsafe_b64encode(CONTENT).decode(),
        "data:;base64," + base64.b64encode(CONTENT).decode().replace("+", "%2B").replace("/", "%2F"),
        "data:application/octet-stream," + "".join(f"%{byte:02X}" for byte in CONTENT),
        "  " + base64.b64encode(CONTENT).decode() + "\n",
        " ".join(base64.b64encode(CONTENT).decode()[at : at + 76] for at in range(0, 1024, 76)),
    ],
)
def test_every_spelling_of_base64_is_read(written: str) -> None:
    assert bytes_of(written) == CONTENT


def test_a_plus_that_a_form_made_a_space_is_a_plus() -> None:
    assert base64.b64encode(b"\x00\x00>abc") == b"AAA+YWJj"
    assert bytes_of("AAA YWJj") == b"\x00\x00>abc"


@pytest.mark.parametrize("written", ["a", "???", "data:image/png;base64,!!!", "äöü="])
def test_what_is_no_base64_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        bytes_of(written)


LABELS = [
    "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0915\u094d\u200d\u0937",  # Hindi, with a joiner
    "\u0e1f\u0e38\u0e15\u0e1a\u0e2d\u0e25", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",  # Thai, Tamil
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u05e9\u05dc\u05d5\u05dd",  # Persian, Hebrew
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "1\ufe0f\u20e3",
    "50 %", "a -> b", "Goal!", "!", "win/draw", "../loss", "<b>", "C:\\x", "=1+1", "a\u00a0b",
]  # fmt: skip


@pytest.mark.parametrize("label", LABELS)
def test_a_label_in_any_script_is_taken_as_it_is(label: str) -> None:
    assert check_label(f" {label} ") == label


def test_a_decomposed_label_is_composed() -> None:
    assert check_label("Mu\u0308ller") == "M\u00fcller"


@pytest.mark.parametrize(
    "label",
    ["", "  ", "\u200b", "\u00a0", "a\nb", "a\x00b", "a\tb", "\ud83d", "\u202eabc", "a\u2028b", "x" * 101],
)
def test_what_nobody_can_read_is_refused(label: str) -> None:
    with pytest.raises(RequestError, match="cannot be a label"):
        check_label(label)


def test_a_label_of_the_model_is_taken_whatever_it_is() -> None:
    long, odd = "x" * (MAX_LETTERS + 50), "Mu\u0308ller"
    assert check_label(long, [long]) == long
    assert check_label(odd, [odd]) == odd
    assert check_label(odd, ["M\u00fcller"]) == "M\u00fcller"


async def taken(content: bytes, **headers: str) -> intake.Form:
    """The form that a request with this body becomes."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": named}, receive)
    async with intake.form_of(request, Limits()) as form:
        return form


BODY = b'{"inputs": [{"text": "What a goal!"}]}'


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "application/vnd.api+json"]
)
@pytest.mark.parametrize("content", [BODY, b"\xef\xbb\xbf" + BODY, BODY.decode().encode("utf-16")])
def test_json_is_taken_under_each_of_its_names(kind: str, content: bytes) -> None:
    assert asyncio.run(taken(content, content_type=kind)).parts == [("text 1", "What a goal!")]


@pytest.mark.parametrize(
    ("content", "headers", "said"),
    [
        (BODY, {"content_type": "application/x-www-form-urlencoded"}, "-H 'Content-Type: application/json'"),
        (BODY, {"content_type": "application/json", "content_encoding": "gzip"}, "packed with gzip"),
        (BODY, {}, "no content type, expected multipart"),
        (b"\xff\xd8\xff", {"content_type": "image/jpeg"}, "Received image/jpeg"),
    ],
)
def test_other_bodies_are_named(content: bytes, headers: dict[str, str], said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        asyncio.run(taken(content, **headers))
    assert caught.value.status == 415


def test_head_gets_the_headers_of_get_and_no_body() -> None:
    asked, sent = [], []

    async def app(scope, receive, send):
        asked.append(scope["method"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body", "more_body": False})

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    for method in ("HEAD", "GET", "POST"):
        asyncio.run(HeadRequests(app)({"type": "http", "method": method}, receive, send))
    assert asked == ["GET", "GET", "POST"]
    assert [message["body"] for message in sent if "body" in message] == [b"", b"body", b"body"]
    assert [message["headers"] for message in sent if "headers" in message] == [
        [(b"content-length", b"4")]
    ] * 3
