"""Keeps commands that ended a process in var/crash, and refuses them after the restart.

Otherwise a command that is sent again could end the process again and again. Each crash has one file: the raw messages
of the batch as JSON, none of which was committed. An operator removes the file when the cause is mended.
"""

import json
import logging
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

from markets.engine.errors import Reason, Rejected
from markets.journal.journal import JournalUnavailable
from markets.wire.decoding import Asker
from proto import exchange_pb2 as pb
from realtime.messages import CommandMessage

logger = logging.getLogger(__name__)


class Kept(TypedDict):
    """One frame of commands in the file."""

    user: int
    account: int
    sudo: bool
    data: str  # the ClientFrame in base64


class Quarantine:
    """The commands in the files of a folder, which is read once at the start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: set[bytes] = set()
        for path in sorted(folder.glob("*.json")):
            try:
                self._known.update(list(_fingerprints(json.loads(path.read_text()))))
            except Exception:  # whatever is wrong with a file, it must not keep the exchange from starting
                logger.exception("%s cannot be read. Its commands are not set aside.", path)

    def check(self, asker: Asker, request: pb.ClientMessage) -> None:
        """Rejected QUARANTINED if the same user's request was in a batch that ended the process.

        Do not ask about a command that is committed: it was carried out, by itself or in another batch.
        """
        if self._known and _fingerprint(asker.user, request) in self._known:
            raise Rejected(
                Reason.QUARANTINED, "The exchange failed when it ran this command. The command is set aside."
            )

    @contextmanager
    def around(self, batch: Sequence[CommandMessage], at_us: int) -> Iterator[None]:
        """Keeps the batch if what is done in the context fails. Nothing of the batch may be committed then.

        If the database does not take it (JournalUnavailable), no command is to blame.
        """
        try:
            yield
        except JournalUnavailable:
            raise
        except Exception:
            self.keep(batch, at_us)
            raise

    def keep(self, batch: Sequence[CommandMessage], at_us: int) -> None:
        """Writes the commands of the batch that broke the matcher to a new file, whole or not at all.

        Raises nothing: whoever calls it has the error that counts.
        """
        commands: list[Kept] = [
            {"user": m["user"], "account": m["account"], "sudo": m["sudo"], "data": b64encode(m["data"]).decode()}
            for m in batch
        ]
        path = self.folder / f"{at_us}.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_whole(path, json.dumps(commands, indent=1))
        except OSError:
            logger.exception("The batch that broke the matcher could not be written to %s.", path)
        else:
            logger.critical("the batch that broke the matcher is in %s", path)


def _write_whole(path: Path, text: str) -> None:
    """Writes the file under another name and renames it when it is on the disk."""
    draft = path.with_suffix(".part")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name too
    finally:
        os.close(folder)


def _fingerprints(commands: list[Kept]) -> Iterable[bytes]:
    for command in commands:
        for request in pb.ClientFrame.FromString(b64decode(command["data"], validate=True)).messages:
            yield _fingerprint(command["user"], request)


def _fingerprint(user: int, request: pb.ClientMessage) -> bytes:
    """A hash of the user and the request without its request_id, which differs from try to try."""
    bare = pb.ClientMessage()
    bare.CopyFrom(request)
    bare.request_id = ""
    return sha256(f"{user}:".encode() + bare.SerializeToString(deterministic=True)).digest()
