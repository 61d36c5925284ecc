"""Keeps commands that ended a process in var/crash, and refuses them after the restart.

Otherwise a command that is sent again could end the process again and again. Each crash has one file: the raw messages
of the batch as JSON. An operator removes the file when the cause is mended.
"""

import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

from markets.engine.errors import Reason, Rejected
from markets.wire.decoding import Asker
from proto import exchange_pb2 as pb
from realtime.messages import RequestMessage, ResyncMessage

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
            self._known.update(_fingerprints(json.loads(path.read_text())))

    def check(self, asker: Asker, request: pb.ClientMessage) -> None:
        """Rejected QUARANTINED if the same user's request was in a batch that ended the process."""
        if self._known and _fingerprint(asker.user, request) in self._known:
            raise Rejected(
                Reason.QUARANTINED, "The exchange failed when it ran this command. The command is set aside."
            )

    def keep(self, batch: Iterable[RequestMessage | ResyncMessage], at_us: int) -> None:
        """Writes the commands of the batch that broke the matcher to a new file."""
        commands: list[Kept] = [
            {"user": m["user"], "account": m["account"], "sudo": m["sudo"], "data": b64encode(m["data"]).decode()}
            for m in batch
            if m["type"] == "command"
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{at_us}.json"
        path.write_text(json.dumps(commands, indent=1))
        logger.critical("the batch that broke the matcher is in %s", path)


def _fingerprints(commands: list[Kept]) -> Iterable[bytes]:
    for command in commands:
        for request in pb.ClientFrame.FromString(b64decode(command["data"])).messages:
            yield _fingerprint(command["user"], request)


def _fingerprint(user: int, request: pb.ClientMessage) -> bytes:
    """A hash of the user and the request without its request_id, which differs from try to try."""
    bare = pb.ClientMessage()
    bare.CopyFrom(request)
    bare.request_id = ""
    return sha256(f"{user}:".encode() + bare.SerializeToString(deterministic=True)).digest()
