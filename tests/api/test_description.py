"""The OpenAPI description has every operation, status and header. REST can do everything that a socket can."""

from typing import Any

import pytest

from exchange.api import description
from proto import exchange_pb2 as pb

# A socket's request, and the operation that does the same.
OPERATIONS = {
    "create_user_account": "create_user_account",
    "create_account": "create_account",
    "make_transfer": "make_transfer",
    "gift": "give",
    "collect": "collect",
    "share_account": "share_account",
    "leave_account": "leave_account",
    "revoke_share": "revoke_share",
    "redistribute": "redistribute_credit",
    "create_market": "create_market",
    "edit_market": "edit_market",
    "set_market_status": "set_market_status",
    "settle_market": "settle_market",
    "create_order": "create_order",
    "cancel_order": "cancel_order",
    "out": "out",
    "create_auction": "create_auction",
    "edit_auction": "edit_auction",
    "withdraw_auction": "withdraw_auction",
    "buy_auction": "buy_auction",
    "settle_auction": "settle_auction",
    "get_full_trade_history": "get_full_trade_history",
    "get_full_order_history": "get_full_order_history",
    "get_market_positions": "get_market_positions",
}
NO_COMMAND = "upload_picture"  # so it takes no key, and no JSON
# REST has no connection: headers name the person, the account and sudo, and list_events replaces subscriptions.
OF_THE_CONNECTION = {"authenticate", "act_as", "set_sudo", "subscribe", "unsubscribe"}


def operations() -> dict[str, dict[str, Any]]:
    """Operations by id, with their method."""
    return {
        operation["operationId"]: {**operation, "method": method}
        for methods in description()["paths"].values()
        for method, operation in methods.items()
    }


def test_everything_that_a_socket_can_do_has_an_operation() -> None:
    asked = {field.name for field in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields}
    assert asked == set(OPERATIONS) | OF_THE_CONNECTION
    assert set(OPERATIONS.values()) <= set(operations())


@pytest.mark.parametrize(
    "name", [name for name in operations() if name not in ("get_time", "get_status", "get_health")]
)
def test_every_operation_says_its_statuses_and_headers(name: str) -> None:
    operation = operations()[name]
    change = operation["method"] != "get"
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "404", "406", "429", "500", "503"} <= statuses
    assert change == ({"409", "415", "504"} <= statuses)
    assert change == ("304" not in statuses)
    parameters = {one["name"] for one in operation["parameters"]}
    assert {"X-Act-As", "X-Sudo"} <= parameters
    assert (change and name != NO_COMMAND) == ("Idempotency-Key" in parameters)
    for response in operation["responses"].values():
        assert {"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(
            response["headers"]
        )
    assert operation["summary"]
    assert operation["description"]


def test_every_body_is_closed_and_has_an_example() -> None:
    schemas = description()["components"]["schemas"]
    for name, operation in operations().items():
        if body := operation.get("requestBody"):
            kind = "multipart/form-data" if name == NO_COMMAND else "application/json"
            named = body["content"][kind]["schema"]["$ref"].rpartition("/")[2]
            assert schemas[named]["additionalProperties"] is False, name
            assert name == NO_COMMAND or schemas[named].get("examples") or not schemas[named].get("properties"), name


def test_no_number_has_a_fraction() -> None:
    def kinds(schema: Any) -> list[Any]:
        if isinstance(schema, dict):
            return [schema.get("type"), *(kind for inner in schema.values() for kind in kinds(inner))]
        return [kind for inner in schema for kind in kinds(inner)] if isinstance(schema, list) else []

    assert "number" not in map(str, kinds(description()))
