"""The buffers for clients that resume are bounded, however unequally the streams speak."""

from typing import Any

from markets.engine.engine import Engine
from markets.matching.streams import BUFFERED_BYTES_MAX, BUFFERED_PER_STREAM, EncodedMessage, Streams


def buffered(*names: str, size: int = 10) -> Streams:
    journal: Any = None
    streams = Streams(Engine(), journal)
    for seq, name in enumerate(names):
        streams._append([EncodedMessage(name, seq - 1, seq, b"x" * size)])
    return streams


def kept(streams: Streams) -> dict[str, list[int]]:
    return {name: [message.seq for message in buffer] for name, buffer in streams._buffers.items()}


def test_a_busy_stream_behind_a_quiet_one_leaves_nothing_behind() -> None:
    streams = buffered("account.1", *["market.1"] * 20 * BUFFERED_PER_STREAM)
    assert kept(streams) == {
        "account.1": [0],
        "market.1": [*range(19 * BUFFERED_PER_STREAM + 1, 20 * BUFFERED_PER_STREAM + 1)],
    }
    assert len(streams._buffered) <= 3 * (BUFFERED_PER_STREAM + 1)
    assert streams._buffered_bytes == 10 * (BUFFERED_PER_STREAM + 1)


def test_all_streams_together_hold_so_many_bytes() -> None:
    size = BUFFERED_BYTES_MAX // 10
    streams = buffered("account.1", "account.2", *["market.1"] * 11, "account.2", size=size)
    assert kept(streams) == {"account.1": [], "account.2": [13], "market.1": [*range(4, 13)]}
    assert streams._buffered_bytes == 10 * size
    assert len(streams._buffered) == 10
