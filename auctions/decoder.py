"""A program of its own: reads an uploaded picture from stdin and writes a small, clean WebP to stdout.

A hostile file attacks the decoder, and a picture of few bytes may need much memory. So every picture is decoded in a
process of its own, with limits on memory and time and without secrets. This module imports nothing of the project.

The output is painted anew from the first frame. Metadata and appended bytes are lost. Exit status 0: done. 3: refused,
with a sentence for people on stderr. Anything else: the file broke the decoder.
"""

import contextlib
import io
import resource
import sys

from PIL import Image, ImageOps

MEMORY_BYTES_MAX = 200 * 1024 * 1024  # of address space, which bounds resident memory
CPU_SECONDS_MAX = 10
PIXELS_MAX = 16_000_000
EDGE_MAX = 1_600  # pixels
QUALITY = 82
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
REFUSED = 3


class Unreadable(Exception):
    """The picture is refused. The text is for the person who sent it."""


def clean(data: bytes) -> bytes:
    """Returns the picture as an upright WebP of at most EDGE_MAX pixels a side. Raises Unreadable."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            check_size(*picture.size)
            return as_webp(picture)
    except MemoryError:
        raise Unreadable("This picture takes too much memory. Make it smaller and try again.") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"A picture has at most {PIXELS_MAX:,} pixels, this one has far more.") from None
    except (OSError, SyntaxError, ValueError, EOFError):
        raise Unreadable("This is no picture that can be read: send a whole JPEG, PNG, WebP or GIF.") from None


def check_size(width: int, height: int) -> None:
    """Raises Unreadable for more than PIXELS_MAX pixels. Call it before decoding."""
    if width * height > PIXELS_MAX:
        size = f"{width:,} x {height:,}"
        raise Unreadable(f"A picture has at most {PIXELS_MAX:,} pixels, this one has {size}. Make it smaller.")


def as_webp(picture: Image.Image) -> bytes:
    """Repaints the first frame: smaller if need be, upright, without metadata."""
    picture.draft("RGB", (EDGE_MAX, EDGE_MAX))  # a JPEG shrinks while it is decoded
    picture.seek(0)
    picture.load()
    orientation = picture.getexif().get(0x0112, 1)
    small = plain(picture)
    small.thumbnail((EDGE_MAX, EDGE_MAX), Image.Resampling.LANCZOS)
    small.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(small)
    blank = Image.new(upright.mode, upright.size)
    blank.paste(upright)  # copies the pixels and nothing else
    out = io.BytesIO()
    blank.save(out, "WEBP", quality=QUALITY, method=4)
    return out.getvalue()


def plain(picture: Image.Image) -> Image.Image:
    """The picture as RGB, or as RGBA if it has transparency."""
    if picture.mode in ("RGB", "RGBA"):
        return picture
    if picture.mode.startswith("I"):  # 16 bits of grey: keep the upper 8
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    transparent = "transparency" in picture.info or picture.mode in ("LA", "PA", "La", "RGBa")
    return picture.convert("RGBA" if transparent else "RGB")


def main() -> int:
    with contextlib.suppress(ValueError):  # macOS has no such limit; only PIXELS_MAX holds there
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    try:
        picture = clean(sys.stdin.buffer.read())
    except Unreadable as wrong:
        sys.stderr.write(str(wrong))
        return REFUSED
    sys.stdout.buffer.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
