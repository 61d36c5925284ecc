"""The client knows every request of the contract."""

from exchange_client import exchange_pb2 as pb

from tests.client.test_commands import COMMANDS
from tests.client.test_histories import HISTORIES


def test_every_command_of_the_contract_is_covered() -> None:
    """A new member of ClientMessage needs a method and an entry in one of these lists."""
    covered = {item[1].DESCRIPTOR.name for item in COMMANDS} | {item[1].DESCRIPTOR.name for item in HISTORIES}
    covered |= {"Authenticate", "CreateOrder", "Subscribe"}
    members = pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields
    assert covered == {member.message_type.name for member in members if member.message_type}
