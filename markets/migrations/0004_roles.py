from typing import Any

from django.db import migrations

PERMISSIONS = (
    ("operate_exchange", "Can operate the exchange (turn on sudo)"),
    ("view_exchange", "Can look at everything of the exchange in the operator console"),
)
OPERATE = (("markets", "market", "operate_exchange"),)
ROLES = {
    "Viewer": (("markets", "market", "view_exchange"),),
    "Market operator": OPERATE,
    "Administrator": (
        *OPERATE,
        ("markets", "market", "view_exchange"),
        *(("accounts", "user", f"{verb}_user") for verb in ("view", "add", "change")),
        *(("accounts", "apitoken", f"{verb}_apitoken") for verb in ("view", "add", "change")),
        ("auth", "group", "view_group"),
    ),
}
NAMES = {"apitoken": "api token"}
BY_THE_PROVIDER = "operators by the provider"  # the group that its sign-in made before there were roles


def make_roles(apps: Any, schema_editor: Any) -> None:
    """Adds what is missing. In a new database neither the permissions nor their content types are there yet, which come
    after all migrations and leave alone what they find."""
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using)
    for name, permissions in ROLES.items():
        group, _ = groups.get_or_create(name=name)
        group.permissions.add(*(_permission(apps, using, *one) for one in permissions))
    old = groups.filter(name=BY_THE_PROVIDER).first()
    if old is not None:
        groups.get(name="Market operator").user_set.add(*old.user_set.all())
        old.delete()


def _permission(apps: Any, using: str, app: str, model: str, codename: str) -> Any:
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    kind, _ = types.get_or_create(app_label=app, model=model)
    verb = codename.partition("_")[0]
    words = dict(PERMISSIONS).get(codename, f"Can {verb} {NAMES.get(model, model)}")
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    return permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": words})[0]


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("accounts", "0004_token_scopes"),
        ("markets", "0003_reason"),
    ]

    operations = [
        migrations.AlterModelOptions(name="market", options={"ordering": ("id",), "permissions": PERMISSIONS}),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
