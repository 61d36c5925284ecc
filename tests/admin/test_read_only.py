"""No row that the engine owns can be added, changed or deleted through the console, not even by a superuser."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import CompositePrimaryKey
from django.test import RequestFactory
from django.urls import reverse

from accounts.models import Account, ApiToken, Ownership, Transfer
from markets.models import Exposure, JournalEntry, Market, MarketVisibility, Order, Payout, Trade
from tests.admin.conftest import Class, browser
from tests.admin.test_rights import rows as rows

ENGINE_OWNED = (
    Account,
    Ownership,
    Transfer,
    Market,
    MarketVisibility,
    Order,
    Trade,
    Exposure,
    Payout,
    JournalEntry,
)
READ_ONLY = (*ENGINE_OWNED, ApiToken)


def test_every_table_of_the_engine_is_in_the_console() -> None:
    projected = {
        model
        for label in ("accounts", "markets")
        for model in apps.get_app_config(label).get_models()
        if not isinstance(model._meta.pk, CompositePrimaryKey)
    }
    assert {model for model in projected if "User" not in model.__name__} == set(READ_ONLY)
    assert all(admin.site.is_registered(model) for model in projected)


def snapshot() -> dict[str, list[Any]]:
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in READ_ONLY}


def views(model: type[Any]) -> Iterator[str]:
    name, row = (
        f"admin:{model._meta.app_label}_{model._meta.model_name}",
        model._default_manager.order_by("-pk").first(),
    )
    yield reverse(f"{name}_add")
    yield reverse(f"{name}_delete", args=[row.pk])
    yield reverse(f"{name}_change", args=[row.pk])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
@pytest.mark.parametrize("who", ["operator", "superuser"])
def test_nothing_can_be_written(model: type[Any], who: str, world: Class) -> None:
    client = browser(world.operator_user if who == "operator" else world.root_user)
    before = snapshot()
    add, delete, change = views(model)
    form = {"_save": "Save", "post": "yes", "name": "Mallory", "cash": "1", "price": "1", "amount": "1"}
    assert client.get(add).status_code == 403
    assert client.get(delete).status_code == 403
    for address in (add, delete, change):
        assert client.post(address, form).status_code == 403
    table = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    keys = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
    client.post(table, {"action": "delete_selected", "_selected_action": keys, "post": "yes"})
    assert snapshot() == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", ENGINE_OWNED, ids=lambda model: model.__name__)
def test_every_field_is_shown(model: type[Any], world: Class) -> None:
    """A field is shown by itself, as a figure, or by a method."""
    request = RequestFactory().get("/")
    request.user = world.operator_user
    shown = admin.site.get_model_admin(model)
    names = [getattr(field, "__name__", field) for field in shown.get_fields(request)]
    assert set(shown.exclude or ()) <= {"client_order_id"}, "which is its account's alone"
    for field in (field for field in model._meta.concrete_fields if field.name not in (shown.exclude or ())):
        wanted = {field.name, f"figure_{field.name}", f"time_{field.name}", shown.instead.get(field.name)}  # type: ignore[attr-defined]
        assert wanted & set(names), field.name


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", ENGINE_OWNED, ids=lambda model: model.__name__)
def test_integer_units_are_never_shown_raw(model: type[Any], world: Class) -> None:
    """A big integer is an id or a figure in units, and every figure has a writer."""
    shown: Any = admin.site.get_model_admin(model)
    ids = {"id", "account", "principal", "market", "maker_order", "taker_order"}
    units = {
        field.name
        for field in model._meta.concrete_fields
        if field.get_internal_type() == "BigIntegerField" and not field.is_relation and not field.primary_key
    }
    assert units - ids - set(shown.written) == set()
