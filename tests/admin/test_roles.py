"""The roles that a migration creates: their permissions, and how it treats a database that is in use."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client

from accounts.models import User
from tests.admin.conftest import Class, browser
from tests.admin.test_users import USERS, change_form

pytestmark = pytest.mark.django_db


def held(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def migrate() -> None:
    import_module("markets.migrations.0004_roles").make_roles(apps, SimpleNamespace(connection=connection))


def test_each_holds_what_it_is_for() -> None:
    assert held("Viewer") == {"view_exchange"}
    assert held("Market operator") == {"operate_exchange"}
    people = {f"{verb}_{what}" for verb in ("view", "add", "change") for what in ("user", "apitoken")}
    assert held("Administrator") == {"view_exchange", "operate_exchange", "view_group", *people}


def test_again_it_changes_nothing_and_keeps_what_was_added() -> None:
    Group.objects.get(name="Viewer").permissions.add(Permission.objects.get(codename="view_user"))
    before = Permission.objects.count()
    migrate()
    assert Permission.objects.count() == before
    assert Group.objects.count() == 3
    assert held("Viewer") == {"view_exchange", "view_user"}


def test_it_needs_no_permission_to_be_there_and_django_makes_none_twice() -> None:
    Permission.objects.filter(content_type__app_label__in=("accounts", "markets")).delete()
    Group.objects.all().delete()
    migrate()
    test_each_holds_what_it_is_for()
    made = Permission.objects.get(codename="add_apitoken")
    assert made.name == "Can add api token"


def test_whom_the_provider_made_operators_before_are_market_operators(world: Class) -> None:
    old = Group.objects.create(name="operators by the provider")
    world.alice_user.groups.add(old)
    migrate()
    assert [group.name for group in world.alice_user.groups.all()] == ["Market operator"]
    assert not Group.objects.filter(pk=old.pk).exists()


class TestGiving:
    def test_an_administrator_gives_a_role(self, administrator: Client, world: Class) -> None:
        group = Group.objects.get(name="Market operator")
        path = f"{USERS}{world.alice_user.pk}/change/"
        assert "Market operator" in administrator.get(path).content.decode()
        administrator.post(path, change_form(world.alice_user, is_staff="on", groups=str(group.pk)))
        alice = User.objects.get(pk=world.alice_user.pk)
        assert (alice.is_staff, alice.has_perm("markets.operate_exchange")) == (True, True)

    def test_but_none_that_is_more_than_they_have(self, administrator: Client, world: Class) -> None:
        more = Group.objects.create(name="More")
        more.permissions.add(Permission.objects.get(codename="change_emailaddress"))
        path = f"{USERS}{world.alice_user.pk}/change/"
        form = change_form(world.alice_user, groups=str(more.pk))
        assert administrator.post(path, form).status_code == 200
        assert world.alice_user.groups.count() == 0
        world.alice_user.groups.add(more)
        form = change_form(world.alice_user, first_name="Changed", groups="")
        assert administrator.post(path, form).status_code == 403
        assert list(world.alice_user.groups.all()) == [more]

    def test_nor_to_who_would_have_more_as_staff(self, administrator: Client, world: Class) -> None:
        """Administrators may not set the password of somebody who was staff: they could sign in as them."""
        world.alice_user.user_permissions.add(Permission.objects.get(codename="change_group"))
        for active in (True, False):
            User.objects.filter(pk=world.alice_user.pk).update(is_active=active)
            path = f"{USERS}{world.alice_user.pk}/"
            form = change_form(world.alice_user, is_staff="on")
            assert administrator.post(f"{path}change/", form).status_code == 403
            password = {"password1": "correct horse 1", "password2": "correct horse 1", "usable_password": "true"}
            assert administrator.post(f"{path}password/", password).status_code == 403

    def test_operators_change_nobody(self, operator: Client, world: Class) -> None:
        path = f"{USERS}{world.alice_user.pk}/change/"
        assert operator.get(path).status_code == 200
        for where in (path, f"{USERS}add/", f"{USERS}{world.alice_user.pk}/password/"):
            assert operator.post(where, change_form(world.alice_user)).status_code == 403

    def test_the_roles_themselves_are_a_superusers_to_change(self, administrator: Client, world: Class) -> None:
        path = f"/admin/auth/group/{Group.objects.get(name='Viewer').pk}/change/"
        assert administrator.get(path).status_code == 200
        assert administrator.post(path, {"name": "Mine"}).status_code == 403
        assert browser(world.root_user).post(path, {"name": "Mine"}).status_code == 302
