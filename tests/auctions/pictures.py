"""Pictures for tests: ordinary ones and hostile ones."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def red_left(width: int = 40, height: int = 20) -> Image.Image:
    """A picture that is red on the left and blue on the right."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data), formats=("WEBP",))
    picture.load()
    return picture


def near(one: Any, other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(one, other))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header claims that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
