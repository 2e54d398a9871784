"""A small client of the OpenAI protocol, over the standard library: files, jobs, streamed answers.

The key comes from an environment variable and goes nowhere but into the request's header.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from preseason.errors import PreseasonError, UsageError

KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
OFFICIAL = "https://api.openai.com/v1"
TIMEOUT_S = 120.0
DONE = "[DONE]"


class ServiceError(PreseasonError):
    """A service that refuses, fails or does not answer."""

    exit_code = 4
    general = "PS-N01"


@dataclass(frozen=True)
class Client:
    """Requests to one service.

    Attributes:
        address: up to and with `/v1`.
    """

    address: str

    @classmethod
    def at(cls, address: str | None) -> "Client":
        """The service at the address, else at that of OPENAI_BASE_URL, else OpenAI's own.

        Raises:
            UsageError: it is no http address.
        """
        chosen = address or os.environ.get(ADDRESS) or OFFICIAL
        parts = urlsplit(chosen)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"--base-url {chosen}: expected an address such as http://127.0.0.1:8000/v1.")
        if parts.username or parts.password:
            raise UsageError(f"The address of the service holds a password: put the key into {KEY} instead.")
        return cls(chosen.rstrip("/"))

    def get(self, path: str) -> dict[str, Any]:
        """The object at `path`.

        Raises:
            ServiceError: the service refuses or does not answer.
        """
        return self._object(self._request("GET", path))

    def post(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an object that is sent to `path`.

        Raises:
            ServiceError: the service refuses or does not answer.
        """
        body = json.dumps(content).encode()
        return self._object(self._request("POST", path, body, "application/json"))

    def upload(self, name: str, content: bytes) -> str:
        """The id of a file that is sent for fine-tuning.

        Raises:
            ServiceError: the service refuses or does not answer.
        """
        mark = uuid.uuid4().hex
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        answer = self._object(self._request("POST", "/files", body, f"multipart/form-data; boundary={mark}"))
        return str(answer["id"])

    def stream(self, path: str, content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The server-sent objects with which the service answers, as they come.

        Raises:
            ServiceError: the service refuses, does not answer, or fails in the midst.
        """
        request = self._request("POST", path, json.dumps(content).encode(), "application/json")
        with self._opened(request) as response:
            for line in response:
                text = line.decode("utf-8", "replace").strip()
                if not text.startswith("data:") or text[5:].strip() == DONE:
                    continue
                event = json.loads(text[5:])
                if "error" in event:
                    raise ServiceError(f"{self.address} failed: {event['error'].get('message')}")
                yield event

    def _request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Request:
        # A service on this machine may ask for no key; it gets a word in its place.
        headers = {"Authorization": f"Bearer {os.environ.get(KEY, 'none')}", "User-Agent": "preseason"}
        if kind:
            headers["Content-Type"] = kind
        return Request(self.address + path, body, headers, method=method)

    def _object(self, request: Request) -> dict[str, Any]:
        with self._opened(request) as response:
            try:
                found = json.loads(response.read())
            except ValueError as error:
                raise ServiceError(
                    f"{request.full_url} did not return JSON: is it the address up to /v1?"
                ) from error
        if not isinstance(found, dict):
            raise ServiceError(
                f"{request.full_url} did not return a JSON object: is it the address up to /v1?"
            )
        return found

    def _opened(self, request: Request) -> Any:
        try:
            return urlopen(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            raise ServiceError(f"{self.address} refused: {_reason(error)}{self._hint(error.code)}") from error
        except (URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(f"{self.address} does not answer ({reason}). Check --base-url.") from error

    def _hint(self, status: int) -> str:
        if status not in (401, 403):
            return ""
        return f" The key is read from {KEY}, which is {'set' if os.environ.get(KEY) else 'not set'}."


def _reason(error: HTTPError) -> str:
    """The service's own words, else the status."""
    try:
        content = json.loads(error.read())
        return str(content["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code} {error.reason}."
