"""A brand's logo, as it may be kept and shown: PNG or JPEG, small, and nothing but a picture.

SVG is refused: it can carry scripts and load from elsewhere, and most mail programs do not show it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

MOST_BYTES = 200_000
MOST_PIXELS = 2_000
PNG, JPEG = "image/png", "image/jpeg"
PNG_BEGINS, PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
JPEG_BEGINS, JPEG_ENDS = b"\xff\xd8\xff", b"\xff\xd9"
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG's markers that tell the size
EXTENSIONS = {PNG: "png", JPEG: "jpg"}


class BadPictureError(ValueError):
    """Why it cannot be a logo, in words."""


@dataclass(frozen=True)
class Picture:
    """A picture by its digest; ``content`` only where it has just been read. Equal pictures are equal."""

    type: str = ""
    digest: str = ""
    content: bytes = field(default=b"", compare=False, repr=False)

    def __str__(self) -> str:
        return f"{EXTENSIONS[self.type].upper()} {self.digest}" if self.digest else "none"

    def __bool__(self) -> bool:
        return bool(self.digest)


def read_picture(content: bytes) -> Picture:
    """Raises BadPictureError for anything but a small, whole PNG or JPEG."""
    if len(content) > MOST_BYTES:
        raise BadPictureError(f"larger than {MOST_BYTES // 1000} KB")
    kind, (width, height) = kind_of(content)
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise BadPictureError(f"{width} × {height} pixels; up to {MOST_PIXELS} in each direction are taken")
    return Picture(kind, hashlib.sha256(content).hexdigest()[:16], content)


def kind_of(content: bytes) -> tuple[str, tuple[int, int]]:
    """The type by what the bytes are, whatever the file's name says; and the size in pixels."""
    if content.startswith(PNG_BEGINS) and content.rstrip().endswith(PNG_ENDS) and content[12:16] == b"IHDR":
        return PNG, struct.unpack(">II", content[16:24])
    if content.startswith(JPEG_BEGINS) and content.rstrip(b"\0").endswith(JPEG_ENDS):
        return JPEG, jpeg_size(content)
    if b"<svg" in content[:2000].lower():
        raise BadPictureError("an SVG can carry scripts, and mail programs do not show it; save it as PNG")
    raise BadPictureError("not a whole PNG or JPEG")


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height from the first frame."""
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker, (length,) = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])
        if marker in FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise BadPictureError("a JPEG that does not say how large it is")
