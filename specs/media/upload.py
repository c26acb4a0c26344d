from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Upload:
    """
    The facts about an uploaded file that a document can constrain.

    `format` is read from the bytes: `png`, `jpeg`, `webp`, `gif`, or None for anything
    else. `content_type` is the label that the client sent. `bytes` is the size of the
    file; `width` and `height` are in pixels.
    """

    filename: str
    content_type: str
    bytes: int
    sha256: str
    format: str | None = None
    width: int | None = None
    height: int | None = None
    alpha: bool = False

    def facts(self) -> dict[str, Any]:
        """The upload as a JSON object, as schemas describe it."""
        return asdict(self)
