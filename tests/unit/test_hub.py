"""Models on the Hugging Face hub: a small server on this machine speaks the hub's protocol."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from huggingface_hub.utils import filter_repo_objects

from preseason.errors import UsageError
from preseason.models.hub import fetch, push
from preseason.storage import PATTERNS, is_own

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
        if path.startswith("/api/models/"):
            name = "/".join(path.split("/")[3:5])
            if name not in self.files:
                return self.send({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            listed = [
                {
                    "type": "file",
                    "rfilename": each,
                    "path": each,
                    "size": len(data),
                    "oid": hashlib.sha1(data).hexdigest(),
                }
                for each, data in self.files[name].items()
            ]
            if "/tree/" in path:
                return self.send(listed)
            return self.send({"id": name, "sha": COMMIT, "siblings": listed, "private": False})
        owner, repository, _, _, *rest = path.lstrip("/").split("/")
        data = self.files.get(f"{owner}/{repository}", {}).get("/".join(rest))
        if data is None:
            return self.send({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound")
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        return self.send(data, ETag=etag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes")

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    own = type("OwnHub", (Hub,), {"files": {}, "private": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", own
    server.shutdown()
    server.server_close()


def asked(
    address: str, home: Path, *arguments: str, offline: bool = False
) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own: the hub's client reads its address when it is imported."""
    hub = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_TOKEN": "hf_own", "HF_HUB_DISABLE_XET": "1",
           "HF_HUB_OFFLINE": str(int(offline)), "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "preseason", *arguments],
        env=os.environ | hub, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


@pytest.mark.slow
def test_a_model_travels_over_the_hub(hub: tuple[str, type[Hub]], mood_folder: Path, tmp_path: Path) -> None:
    address, server = hub
    pushed = asked(address, tmp_path / "anna", "push", str(mood_folder), "anna/mood", "--private", "--json")
    assert pushed.returncode == 0, pushed.stderr
    assert json.loads(pushed.stdout)["address"] == "hf://anna/mood"
    assert server.private == {"anna/mood": True}
    stored = set(server.files["anna/mood"])
    assert {"preseason.json", "README.md", "known.safetensors"} <= stored
    assert "report.html" not in stored, "it shows the training examples"

    told = asked(address, tmp_path / "ben", "predict", "hf://anna/mood", "great goal", "--json", "-q")
    assert told.returncode == 0, told.stderr
    there = json.loads(told.stdout)["predictions"][0]
    local = ["predict", str(mood_folder), "great goal", "--json", "-q"]
    here = json.loads(asked(address, tmp_path / "ben", *local).stdout)
    assert there["probabilities"] == here["predictions"][0]["probabilities"]

    again = asked(
        "http://127.0.0.1:9", tmp_path / "ben", "predict", "hf://anna/mood", "great goal", "-q", offline=True
    )
    assert again.returncode == 0, "what was fetched once is there without a network"
    absent = asked(address, tmp_path / "ben", "predict", "hf://anna/nothing", "great goal", "-q")
    assert absent.returncode == 4
    assert "hf://anna/nothing cannot be fetched" in absent.stderr


def test_what_is_no_address_is_refused(mood_folder: Path) -> None:
    for wrong in ("hf://mood", "hf://a/b/c", "hf://../x y", "hf://a/b@"):
        with pytest.raises(UsageError, match="is no address of a model"):
            fetch(wrong)
    with pytest.raises(UsageError, match="expected USER/NAME"):
        push(mood_folder, "mood")


def test_further_networks_travel_and_what_the_user_added_does_not() -> None:
    there = ["preseason.json", "backbone/model.safetensors", "backbone-2/model.safetensors", "notes.txt"]
    assert list(filter_repo_objects(there, allow_patterns=PATTERNS)) == there[:3]
    assert [is_own(name) for name in ("backbone-2", "backbone", "notes.txt")] == [True, True, False]
