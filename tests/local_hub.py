"""A small server on this machine that speaks the Hugging Face hub's protocol."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def file_of(path: str, data: bytes) -> dict[str, Any]:
    """A file as the hub lists it."""
    oid = hashlib.sha1(data).hexdigest()
    return {"type": "file", "rfilename": path, "path": path, "size": len(data), "oid": oid}


class Hub(BaseHTTPRequestHandler):
    """One revision of any repository: create, preupload, commit, list, download."""

    files: dict[str, dict[str, bytes]]
    private: dict[str, bool]

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def send(self, content: Any, code: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self.body()
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'anna'}/{asked['name']}"
            self.files.setdefault(name, {})
            self.private[name] = bool(asked.get("private") or asked.get("visibility") == "private")
            return self.send({"url": f"http://{self.headers['Host']}/{name}", "name": name, "id": name})
        if path == "/api/validate-yaml":
            matter = yaml.safe_load(json.loads(body)["content"].split("---")[1])
            return self.send(
                {"errors": [] if "license" in matter else [{"message": "no licence"}], "warnings": []}
            )
        name = "/".join(path.split("/")[3:5])
        if "/paths-info/" in path:
            asked_for = parse_qs(body.decode())["paths"] if b"paths=" in body else json.loads(body)["paths"]
            kept = self.files.get(name, {})
            return self.send([file_of(each, kept[each]) for each in asked_for if each in kept])
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            return self.send(
                {
                    "files": [
                        {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked
                    ]
                }
            )
        if "/commit/" in path:
            for line in body.splitlines():
                item = json.loads(line)
                if item["key"] == "file":
                    value = item["value"]
                    self.files[name][value["path"]] = base64.b64decode(value["content"])
            return self.send(
                {
                    "commitUrl": f"http://{self.headers['Host']}/{name}/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "success": True,
                }
            )
        return self.send({"error": path}, 404)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/api/whoami-v2":
            return self.send({"name": "anna", "type": "user", "auth": {}})
        if path.startswith(("/api/models/", "/api/datasets/")):
            name = "/".join(path.split("/")[3:5])
            if name not in self.files:
                return self.send({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            listed = [file_of(each, data) for each, data in self.files[name].items()]
            if "/tree/" in path:
                return self.send(listed)
            return self.send({"id": name, "sha": COMMIT, "siblings": listed, "private": False})
        owner, repository, _, _, *rest = path.lstrip("/").removeprefix("datasets/").split("/")
        data = self.files.get(f"{owner}/{repository}", {}).get("/".join(rest))
        if data is None:
            return self.send({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        headers = {"ETag": etag, "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            headers["Content_Range"] = f"bytes {start}-{end}/{len(data)}"
            return self.send(data[start : end + 1], 206, **headers)
        return self.send(data, **headers)

    do_HEAD = do_GET  # noqa: N815


@contextmanager
def served() -> Iterator[tuple[str, type[Hub]]]:
    """Its address, and the class whose `files` it offers."""
    own = type("OwnHub", (Hub,), {"files": {}, "private": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", own
    server.shutdown()
    server.server_close()


def reached(address: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process takes it for the hub; what it loads lies in `cache`."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    url = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    close_session()
