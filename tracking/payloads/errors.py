"""The one error of a document that does not say what it must."""

from __future__ import annotations


class PayloadError(ValueError):
    """``path`` is where in the document (``msg.checkpoints[3].tag``, "" for the whole), ``cause`` is why, in words."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}" if path else cause)
        self.path = path
        self.cause = cause
