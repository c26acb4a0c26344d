from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Upload:
    """
    The facts about an uploaded file that a document may speak of.

    `format` is what the bytes say (`png`, `jpeg`, `webp`, `gif` or None), never what
    the client says; `content_type` is what the client says. Sizes in bytes and pixels.
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
        """The upload as the judge sees it: a JSON object."""
        return asdict(self)
