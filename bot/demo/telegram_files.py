"""Files in the stand-in for Telegram: what was sent by people or uploaded by the bot, by file id."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.demo.telegram_faults import Refused, bad

KINDS = ("photo", "voice", "document", "sticker", "video", "audio", "animation", "video_note")
LARGEST_UPLOAD = 50 * 1024 * 1024
LARGEST_DOWNLOAD = 20 * 1024 * 1024
_NAMES = {"photo": "Photo", "voice": "VoiceNote", "video_note": "VideoNote"}
_ENDINGS = {"photo": "jpg", "voice": "oga", "sticker": "webp", "video": "mp4", "audio": "mp3", "animation": "mp4"}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "photo": {"width": 90, "height": 60},
    "sticker": {"width": 512, "height": 512, "type": "regular", "is_animated": False, "is_video": False},
    "voice": {"duration": 3, "mime_type": "audio/ogg"},
    "video": {"duration": 3, "width": 90, "height": 60},
    "audio": {"duration": 3},
    "animation": {"duration": 3, "width": 90, "height": 60},
    "video_note": {"duration": 3, "length": 60},
    "document": {"file_name": "file.pdf", "mime_type": "application/pdf"},
}


@dataclass(frozen=True)
class Upload:
    """A file that came with a request."""

    name: str
    content: bytes


@dataclass(frozen=True)
class File:
    """`size` may be larger than the content that is kept, for a file that is only said to be large."""

    file_id: str
    kind: str
    content: bytes
    size: int
    name: str = ""

    @property
    def path(self) -> str:
        return f"{self.kind}s/{self.file_id}.{_ENDINGS.get(self.kind, 'bin')}"

    @property
    def json(self) -> dict[str, Any]:
        return {"file_id": self.file_id, "file_unique_id": f"u-{self.file_id}", "file_size": self.size}


class Files:
    """Every file. Ids are valid for their kind only, as Telegram's are."""

    def __init__(self) -> None:
        self.known: dict[str, File] = {}
        self._numbers = itertools.count(1)

    def new(self, kind: str, content: bytes = b"", size: int | None = None, name: str = "", file_id: str = "") -> Any:
        """A file that is new. Returns the part of a message that names it."""
        content = content or f"a {kind} of the stand-in".encode()
        file_id = file_id or f"file-{next(self._numbers)}"
        file = File(file_id, kind, content, len(content) if size is None else size, name)
        self.known[file.file_id] = file
        return self.shown(file)

    def shown(self, file: File) -> Any:
        """The part of a message that names the file; a photo is a list of sizes."""
        whole = {**file.json, **_SHAPES.get(file.kind, {}), **({"file_name": file.name} if file.name else {})}
        return [whole] if file.kind == "photo" else whole

    def given(self, kind: str, value: Any, uploads: Mapping[str, Upload]) -> Any:
        """What a bot gave as a file: an upload, `attach://name` of one, an address, or a file id."""
        if isinstance(value, str) and value.startswith("attach://"):
            value = uploads.get(value.removeprefix("attach://"), value)
        if isinstance(value, Upload):
            if len(value.content) > LARGEST_UPLOAD:
                raise Refused(413, "Request Entity Too Large")
            if not value.content:
                raise bad("file must be non-empty")
            return self.new(kind, value.content, name=value.name if kind == "document" else "")
        if not value:
            raise bad(f"there is no {kind.replace('_', ' ')} in the request")
        if str(value).startswith(("http://", "https://")):
            return self.new(kind)
        if (file := self.known.get(str(value))) is None:
            raise bad("wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
        if file.kind != kind:
            raise bad(f"can't use file of type {_name(file.kind)} as {_name(kind)}")
        return self.shown(file)

    def fetched(self, file_id: Any) -> dict[str, Any]:
        """The answer to `getFile`."""
        if (file := self.known.get(str(file_id))) is None:
            raise bad("invalid file_id")
        if file.size > LARGEST_DOWNLOAD:
            raise bad("file is too big")
        return {**file.json, "file_path": file.path}

    def at(self, path: str) -> File | None:
        return next((file for file in self.known.values() if file.path == path), None)


def _name(kind: str) -> str:
    return _NAMES.get(kind, kind.capitalize())
