"""Packs requests into frames, as many in each as the exchange accepts."""

from collections.abc import Iterable, Iterator

from exchange_client import exchange_pb2 as pb

FRAME_MESSAGES = 256
FRAME_BYTES = 64 * 1024


def pack(messages: Iterable[pb.ClientMessage]) -> Iterator[bytes]:
    """Encoded ClientFrames. Each message is encoded once, as a frame of its own: joined, they are a frame of them all.

    Raises ValueError for a message that is larger than a frame.
    """
    frame, held = bytearray(), 0
    for message in messages:
        piece = pb.ClientFrame(messages=[message]).SerializeToString()
        if len(piece) > FRAME_BYTES:
            raise ValueError(f"a message of {len(piece)} bytes; a frame holds {FRAME_BYTES}")
        if held == FRAME_MESSAGES or len(frame) + len(piece) > FRAME_BYTES:
            yield bytes(frame)
            frame, held = bytearray(), 0
        frame += piece
        held += 1
    if frame:
        yield bytes(frame)
