"""Files that clients send for fine-tuning: FOLDER/ID/about.json and FOLDER/ID/data.jsonl."""

import json
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from preseason.runtime.files import folder_beside
from preseason.serving.protocol import ApiError, new_id, now

MAX_VALUE = 512 * 2**20
ABOUT, DATA = "about.json", "data.jsonl"
PIECE = 2**20


class Uploads:
    """The files in `folder`; each is complete or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, purpose: str, content: BinaryIO) -> dict[str, Any]:
        """Keep a file and describe it.

        Raises:
            ApiError: it is empty or too large, the purpose is another one, or the disk is full.
        """
        if purpose != "fine-tune":
            raise ApiError(f"purpose={purpose!r}: expected 'fine-tune'.", parameter="purpose")
        about: dict[str, Any] = {"id": new_id("file-"), "object": "file"}
        about["filename"] = Path(name).name[:200] or DATA
        place = self.folder / str(about["id"])
        try:
            with folder_beside(place) as part:
                size = _copied(content, part / DATA)
                about |= {"bytes": size, "created_at": now(), "purpose": purpose, "status": "processed"}
                (part / ABOUT).write_text(json.dumps(about), "utf-8")
                part.rename(place)
        except OSError as error:
            raise ApiError(
                f"The file cannot be kept: {error.strerror}.", 507, "insufficient_storage"
            ) from error
        return about

    def all(self) -> list[dict[str, Any]]:
        """Every file, the newest first."""
        found = [json.loads(path.read_text("utf-8")) for path in self.folder.glob(f"file-*/{ABOUT}")]
        return sorted(found, key=lambda about: (-about["created_at"], about["id"]))

    def about(self, name: str) -> dict[str, Any]:
        """What is known of one file.

        Raises:
            ApiError: there is none of that name.
        """
        found = next((about for about in self.all() if about["id"] == name), None)
        if found is None:
            raise ApiError(
                f"There is no file {name!r}. Upload it with POST /v1/files.", 404, "file_not_found"
            )
        return found

    def data(self, name: str) -> Path:
        """Where the file lies.

        Raises:
            ApiError: there is none of that name.
        """
        return self.folder / str(self.about(name)["id"]) / DATA

    def remove(self, name: str) -> None:
        """Delete the file.

        Raises:
            ApiError: there is none of that name.
        """
        shutil.rmtree(self.folder / str(self.about(name)["id"]))


def _copied(content: BinaryIO, target: Path) -> int:
    size = 0
    with target.open("wb") as file:
        while piece := content.read(PIECE):
            size += len(piece)
            if size > MAX_VALUE:
                raise ApiError(
                    f"The file is larger than {MAX_VALUE // 2**20} MB.", 413, "file_too_large", "file"
                )
            file.write(piece)
    if size == 0:
        raise ApiError("The file is empty: expected JSON Lines.", 400, "empty_file", "file")
    return size
