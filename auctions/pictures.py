"""Pictures of auctions: files in VAR_DIR/pictures under random names, cleaned before they are kept.

A file is there before the command that names it, and goes again if the command is refused or names another one later.
One that came alone, over REST, waits for a command that names it until too many wait (sweep).
"""

import os
import re
import secrets
import string
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from auctions import decoder
from auctions.models import PICTURE_STEM_CHARACTERS, PICTURE_SUFFIX, Auction
from realtime.limits import PICTURE_MEGABYTES_MAX

UPLOAD_BYTES_MAX = PICTURE_MEGABYTES_MAX * 1_000_000
DECODE_SECONDS_MAX = 20.0
DECODERS_MAX = 2  # at once, in this process
UNUSED_MAX = 1_000  # pictures that no auction shows, yet or any more
WAIT_SECONDS_MAX = 10.0  # for one of them

NAME_PATTERN = rf"[a-z0-9]{{{PICTURE_STEM_CHARACTERS}}}{re.escape(PICTURE_SUFFIX)}"
CHARACTERS = string.ascii_lowercase + string.digits

_decoders = BoundedSemaphore(DECODERS_MAX)


class PictureRefused(Exception):
    """Why, in a sentence for who sent it."""


class TooManyPictures(PictureRefused):
    """At this moment: the same picture may be kept a little later."""


def keep(upload: UploadedFile[Any]) -> str:
    """Cleans the picture and keeps it; its name. Raises PictureRefused. What the file was called does not matter."""
    size = upload.size or 0
    if size > UPLOAD_BYTES_MAX:
        has = size / 1_000_000
        raise PictureRefused(f"A picture has at most {PICTURE_MEGABYTES_MAX} MB, this one has {has:.1f} MB.")
    if not size:
        raise PictureRefused("The file of the picture is empty.")
    return store(cleaned(upload.read()))


def cleaned(data: bytes) -> bytes:
    """The picture as the decoder's process gives it back. Raises PictureRefused."""
    if not _decoders.acquire(timeout=WAIT_SECONDS_MAX):
        raise TooManyPictures("Many pictures are sent right now. Try again in a moment.")
    try:
        command = [sys.executable, "-I", decoder.__file__]
        done = subprocess.run(  # noqa: S603 - our own program, and it gets to know no secret
            command, input=data, env={}, capture_output=True, timeout=DECODE_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise PictureRefused("This picture takes too long to be read. Send a simpler one.") from None
    finally:
        _decoders.release()
    if done.returncode == decoder.REFUSED:
        raise PictureRefused(done.stderr.decode())
    if done.returncode or not done.stdout:
        raise PictureRefused("This is no picture that can be read: send a whole JPEG, PNG, WebP or GIF.")
    return done.stdout


def store(picture: bytes) -> str:
    """On the disk before anything may name it."""
    name = "".join(secrets.choice(CHARACTERS) for _ in range(PICTURE_STEM_CHARACTERS)) + PICTURE_SUFFIX
    write(name, picture)
    return name


def write(name: str, picture: bytes) -> None:
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(picture)
        file.flush()
        os.fsync(file.fileno())


def read(name: str) -> bytes | None:
    """None if there is none. `name` is shaped like NAME_PATTERN: the address has no other."""
    try:
        return (_folder() / name).read_bytes()
    except FileNotFoundError:
        return None


def discard(name: str) -> None:
    """Removes the file, unless an auction shows it."""
    if name and not Auction.objects.filter(picture=name).exists():
        (_folder() / name).unlink(missing_ok=True)


def sweep() -> None:
    """Of the pictures that no auction shows only the newest stay: what is sent and never named fills no disk."""
    shown = set(Auction.objects.exclude(picture="").values_list("picture", flat=True))
    unused = [path for path in _folder().iterdir() if path.name not in shown]
    for path in sorted(unused, key=_kept_at, reverse=True)[UNUSED_MAX:]:
        path.unlink(missing_ok=True)


def _kept_at(path: Path) -> int:
    """In ns; 0 if it went meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _folder() -> Path:
    folder: Path = settings.VAR_DIR / "pictures"
    return folder
