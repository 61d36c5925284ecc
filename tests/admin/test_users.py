"""Administrators create people, deactivate them, set passwords and give roles. Superusers do everything else."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.conftest import Class, browser

USERS = "/admin/accounts/user/"
PASSWORD = "a long enough pass phrase"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def change_form(user: User, **more: str) -> dict[str, str]:
    return {"username": user.username, "first_name": user.first_name, "is_active": "on", **more}


def test_an_administrator_makes_a_person_who_can_sign_in(administrator: Client) -> None:
    form = {"username": "dora", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    response = administrator.post(f"{USERS}add/", form, follow=True)
    dora = User.objects.get(username="dora")
    assert response.redirect_chain == [(f"{USERS}{dora.pk}/change/", 302)]
    assert dora.check_password(PASSWORD)
    assert (dora.is_staff, dora.is_superuser) == (False, False)


def test_an_administrator_sets_a_password(administrator: Client, world: Class) -> None:
    path = f"{USERS}{world.alice_user.pk}/password/"
    assert administrator.get(path).status_code == 200
    form = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    administrator.post(path, form)
    world.alice_user.refresh_from_db()
    assert world.alice_user.check_password(PASSWORD)


def test_an_administrator_deactivates_a_person(administrator: Client, world: Class) -> None:
    form = change_form(world.alice_user)
    del form["is_active"]
    administrator.post(f"{USERS}{world.alice_user.pk}/change/", form)
    world.alice_user.refresh_from_db()
    assert not world.alice_user.is_active


@pytest.mark.parametrize("whom", ["alice", "ada"])
def test_an_administrator_gives_no_rights_but_roles_not_even_to_themself(
    whom: str, administrator: Client, world: Class
) -> None:
    user = User.objects.get(username=whom)
    rights = {"is_staff": "on", "is_superuser": "on", "user_permissions": "1"}
    response = administrator.post(f"{USERS}{user.pk}/change/", change_form(user, first_name="Changed", **rights))
    assert response.status_code == 302
    found = User.objects.get(pk=user.pk)
    assert found.first_name == "Changed"
    assert found.is_staff  # a role needs it
    assert not found.is_superuser
    assert found.get_all_permissions() == set()  # the role was taken away and nothing was given


@pytest.mark.parametrize("whom", ["steve", "root", "olivia"])
def test_an_administrator_cannot_become_other_staff(whom: str, administrator: Client, world: Class) -> None:
    user = User.objects.get(username=whom)
    before = User.objects.filter(pk=user.pk).values().get()
    assert administrator.get(f"{USERS}{user.pk}/change/").status_code == 200
    form = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert administrator.post(f"{USERS}{user.pk}/password/", form).status_code == 403
    assert administrator.post(f"{USERS}{user.pk}/change/", change_form(user, first_name="Mine")).status_code == 403
    assert User.objects.filter(pk=user.pk).values().get() == before


@pytest.mark.parametrize("who", ["ada", "root"])
def test_nobody_is_ever_deleted(who: str, world: Class) -> None:
    client = browser(User.objects.get(username=who))
    for path in (f"{USERS}{world.alice_user.pk}/delete/", USERS):
        form = {"post": "yes", "action": "delete_selected", "_selected_action": str(world.alice_user.pk)}
        client.post(path, form)
    assert User.objects.filter(pk=world.alice_user.pk).exists()


def test_a_superuser_gives_rights(world: Class) -> None:
    form = change_form(world.alice_user, is_staff="on")
    browser(world.root_user).post(f"{USERS}{world.alice_user.pk}/change/", form)
    world.alice_user.refresh_from_db()
    assert world.alice_user.is_staff


@pytest.mark.parametrize("path", [USERS, f"{USERS}add/", "/admin/auth/group/", "/admin/account/emailaddress/"])
def test_the_pages_of_djangos_own_tables_open(path: str, world: Class) -> None:
    assert browser(world.root_user).get(path).status_code == 200
