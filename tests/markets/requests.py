"""What a test asks of a matcher, as a hub would."""

from proto import exchange_pb2 as pb
from realtime.messages import Request
from realtime.rights import Rights

EVERYTHING = Rights()


def request(
    *messages: pb.ClientMessage,
    origin: str,
    number: int,
    reply: str,
    user: int,
    received_us: int,
    sudo: bool = False,
    rights: Rights = EVERYTHING,
) -> Request:
    """A frame of these messages, from a person who acts as their own account."""
    return {
        "origin": origin,
        "number": number,
        "reply": reply,
        "user": user,
        "account": 0,
        "sudo": sudo,
        "rights": rights,
        "received_us": received_us,
        "count": len(messages),
        "data": pb.ClientFrame(messages=messages).SerializeToString(),
    }
