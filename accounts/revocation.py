"""Tells the matcher when people and their rights have changed, because processes remember tokens (remembered.py).

It hears of a change from Django's signals of the tables that decide what a token is good for, or from the code that
changes rows without signals. A change from outside the exchange, such as by `manage.py shell`, has no matcher to tell.
Processes notice it when they next look their credentials up.
"""

import logging
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from realtime import gateway
from realtime.errors import RequestFailed

logger = logging.getLogger(__name__)


def listen() -> None:
    """Connects to the signals. Call it once, when Django starts."""
    people, tokens, roles = (apps.get_model(name) for name in ("accounts.User", "accounts.ApiToken", "auth.Group"))
    for model in (people, tokens):
        post_save.connect(_saved, model)
    for model in (people, tokens, roles):
        post_delete.connect(_changed, model)
    for relation in (people.groups, people.user_permissions, roles.permissions):
        m2m_changed.connect(_changed, relation.through)


def announce() -> None:
    """Tells the matcher after the running transaction's commit, and waits for its answer."""
    transaction.on_commit(_tell)


def _saved(created: bool, update_fields: frozenset[str] | None, **signal: Any) -> None:
    """Ignores what is new, and a sign-in, which writes its time."""
    if not created and list(update_fields or ()) != ["last_login"]:
        announce()


def _changed(**signal: Any) -> None:
    announce()


def _tell() -> None:
    if gateway.revocations() is None:
        return  # nobody remembers anything while the matcher is not heard; commands of manage.py never hear it
    try:
        gateway.revoked_sync()
    except RequestFailed as failed:
        logger.warning("The matcher was not told of a revocation: %s", failed)
