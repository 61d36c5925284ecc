"""Pictures of auctions: files with random names in VAR_DIR/pictures. Only cleaned pictures are kept.

A file is stored before the command that names it. It is removed if that command is refused, or if a later one replaces
it. A picture uploaded over REST waits for a command that names it, for a day (sweep).
"""

import os
import re
import secrets
import string
import subprocess
import sys
import time
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
DECODERS_MAX = 2  # running at once in this process
UNUSED_MAX = 1_000  # pictures that no auction shows
UNUSED_SECONDS_MAX = 24 * 3600  # for a command to name it
WAIT_SECONDS_MAX = 10.0  # for a free decoder

NAME_PATTERN = rf"[a-z0-9]{{{PICTURE_STEM_CHARACTERS}}}{re.escape(PICTURE_SUFFIX)}"
CHARACTERS = string.ascii_lowercase + string.digits

_decoders = BoundedSemaphore(DECODERS_MAX)


class PictureRefused(Exception):
    """The picture is not kept. The text is for the person who sent it."""


class TooManyPictures(PictureRefused):
    """All decoders are busy. The same picture may be accepted a little later."""


def keep(upload: UploadedFile[Any]) -> str:
    """Cleans a picture, stores it and returns its new name. Raises PictureRefused. The uploaded name is ignored."""
    size = upload.size or 0
    if size > UPLOAD_BYTES_MAX:
        has = size / 1_000_000
        raise PictureRefused(f"A picture has at most {PICTURE_MEGABYTES_MAX} MB, this one has {has:.1f} MB.")
    if not size:
        raise PictureRefused("The file of the picture is empty.")
    return store(clean(upload.read()))


def clean(data: bytes) -> bytes:
    """Cleans a picture in a decoder process and returns it. Raises PictureRefused."""
    if not _decoders.acquire(timeout=WAIT_SECONDS_MAX):
        raise TooManyPictures("Many pictures are sent right now. Try again in a moment.")
    try:
        command = [sys.executable, "-I", decoder.__file__]
        done = subprocess.run(  # noqa: S603 - our own program; it gets no environment, so no secret
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
    """Stores a picture under a new random name and returns the name. The file is on disk (fsync) by then."""
    name = "".join(secrets.choice(CHARACTERS) for _ in range(PICTURE_STEM_CHARACTERS)) + PICTURE_SUFFIX
    write(name, picture)
    return name


def write(name: str, picture: bytes) -> None:
    """Writes a new file and syncs it to disk. Raises FileExistsError if the name is taken."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(picture)
        file.flush()
        os.fsync(file.fileno())


def read(name: str) -> bytes | None:
    """The picture; None if there is no such file. `name` must match NAME_PATTERN, as it does in every address."""
    try:
        return (_folder() / name).read_bytes()
    except FileNotFoundError:
        return None


def discard(name: str) -> None:
    """Removes the file unless an auction shows it. "" is no file."""
    if name and not Auction.objects.filter(picture=name).exists():
        (_folder() / name).unlink(missing_ok=True)


def sweep() -> None:
    """Removes pictures that no auction shows: all after UNUSED_SECONDS_MAX, and all but the UNUSED_MAX newest.

    Unused uploads cannot fill the disk.
    """
    if not _folder().is_dir():
        return
    files = list(_folder().iterdir())  # before the query: a picture that a command names meanwhile is not among them
    shown = set(Auction.objects.exclude(picture="").values_list("picture", flat=True))
    unused = sorted((path for path in files if path.name not in shown), key=_kept_at, reverse=True)
    oldest_ns = time.time_ns() - UNUSED_SECONDS_MAX * 1_000_000_000
    for position, path in enumerate(unused):
        if position >= UNUSED_MAX or _kept_at(path) < oldest_ns:
            path.unlink(missing_ok=True)


def _kept_at(path: Path) -> int:
    """The file's time in ns; 0 if it was removed meanwhile."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _folder() -> Path:
    folder: Path = settings.VAR_DIR / "pictures"
    return folder
