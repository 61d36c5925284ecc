"""The sign-in pages, and the demo's one-click sign-in, which works only on the serving machine."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import Account, User
from accounts.tokens import create_token, find_token
from tests.pages.conftest import FakeGateway, World, authenticated
from tests.pages.html import read

HERE = {"HTTP_HOST": "127.0.0.1:8000"}


class TestPages:
    @pytest.mark.parametrize("path", ["/sign-in/", "/sign-up/", "/password/reset/", "/password/reset/sent/"])
    def test_can_be_seen_by_everybody(self, db: None, path: str) -> None:
        response = Client().get(path)
        assert response.status_code == 200
        assert read(response).named("h1")

    @pytest.mark.parametrize("path", ["/password/set/", "/sign-out/", "/email/"])
    def test_can_be_seen_when_signed_in(self, alice: Client, world: World, path: str) -> None:
        world.alice_user.set_unusable_password()
        world.alice_user.save()
        alice.force_login(world.alice_user)
        authenticated(alice, world.alice_user)
        response = alice.get(path)
        assert response.status_code == 200
        assert read(response).named("h1")

    @pytest.mark.parametrize("path", ["/password/set/", "/email/"])
    def test_what_would_let_somebody_in_for_good_takes_a_sign_in_from_just_now(
        self, alice: Client, world: World, path: str, settings: Any
    ) -> None:
        """Otherwise a stranger at the open browser of a person without a password could set one, and turn on sudo."""
        world.alice_user.set_unusable_password()
        world.alice_user.save()
        alice.force_login(world.alice_user)
        authenticated(alice, world.alice_user, seconds_ago=settings.DANGER_SECONDS + 1)
        form = {"password1": "correct horse 1", "password2": "correct horse 1"}
        form |= {"email": "evil@x.example", "action_add": ""}
        for response in (alice.get(path), alice.post(path, form)):
            assert response["Location"] == f"/sign-in/afresh/?next={path}"
        assert not User.objects.get(pk=world.alice_user.pk).has_usable_password()
        assert not EmailAddress.objects.exists()

    def test_a_password_signs_in(self, world: World, exchange: FakeGateway) -> None:
        world.alice_user.set_password("correct horse")
        world.alice_user.save()
        browser = Client()
        wrong = read(browser.post("/sign-in/", {"login": "alice", "password": "wrong"}))
        assert "not correct" in wrong.text
        response = browser.post("/sign-in/?next=/portfolio/", {"login": "alice", "password": "correct horse"})
        assert response.headers["Location"] == "/portfolio/"

    def test_wrong_passwords_lock_out_a_name_and_no_other(
        self, world: World, exchange: FakeGateway, settings: Any
    ) -> None:
        """Alice's own browser is known, so that a stranger at her address does not lock her out of it."""
        cache.clear()
        settings.SIGN_IN_FAILURES_PER_NAME_MAX, settings.SIGN_IN_FAILURES_PER_ADDRESS_MAX = 3, 5
        for user in (world.alice_user, world.bob_user):
            user.set_password("correct horse")
            user.save()
        own, stranger = Client(), Client()
        good = {"login": "alice", "password": "correct horse"}
        assert own.post("/sign-in/", good).status_code == 302
        own.post("/sign-out/")
        for _ in range(3):
            assert "not correct" in read(stranger.post("/sign-in/", {"login": "alice", "password": "wrong"})).text
        refused = read(stranger.post("/sign-in/", good)).text
        assert "Too many failed sign-ins under this name. Try again in " in refused
        for number in range(4):
            stranger.post("/sign-in/", {"login": f"nobody{number}", "password": "wrong"})
        assert "Too many" in read(Client().post("/sign-in/", {"login": "nobody0", "password": "wrong"})).text
        assert Client().post("/sign-in/", {**good, "login": "bob"}).status_code == 302, "his first try"
        assert own.post("/sign-in/", good).status_code == 302

    def test_a_name_of_any_script_and_an_address_are_the_same_known_person(
        self, world: World, exchange: FakeGateway, settings: Any
    ) -> None:
        """Headers are ASCII, so a cookie with the name itself would fail in the server."""
        cache.clear()
        settings.SIGN_IN_FAILURES_PER_NAME_MAX = 2
        user = User.objects.create_user("Анна", "anna@school.example", "correct horse")
        own, stranger = Client(), Client()
        good = {"login": "Анна", "password": "correct horse"}
        response = own.post("/sign-in/", good)
        assert response.status_code == 302
        assert len(response.cookies) > 1
        assert all(cookie.OutputString().isascii() for cookie in response.cookies.values())
        own.post("/sign-out/")
        for name in (user.username, "ANNA@school.example"):
            assert "not correct" in read(stranger.post("/sign-in/", {"login": name, "password": "wrong"})).text
        for name in (user.username, user.email):
            assert "Too many" in read(stranger.post("/sign-in/", {**good, "login": name})).text
        assert own.post("/sign-in/", {**good, "login": user.email}).status_code == 302

    def test_guesses_at_the_same_time_see_each_other(
        self, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each guess comes while the one before is being checked."""
        cache.clear()
        settings.SIGN_IN_FAILURES_PER_NAME_MAX = 2
        checked: list[str] = []

        def check(user: User, password: str) -> bool:
            checked.append(password)
            if len(checked) < 6:
                Client().post("/sign-in/", {"login": "alice", "password": "another"})
            return False

        monkeypatch.setattr(User, "check_password", check)
        Client().post("/sign-in/", {"login": "alice", "password": "wrong"})
        assert checked == ["wrong", "another"]

    def test_a_form_sent_too_often_says_how_long_to_wait(self, db: None, settings: Any) -> None:
        cache.clear()
        settings.SIGN_UP_OPEN, settings.SIGN_UPS_PER_ADDRESS_MAX = True, 2
        answers = [Client().post("/sign-up/", {}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        seconds = int(answers[2].headers["Retry-After"])
        assert 0 < seconds <= settings.SIGN_IN_FAILURES_SECONDS
        assert f"Try again in {seconds} s" in read(answers[2]).text

    def test_a_new_password_ends_the_persons_tokens(self, world: World, exchange: FakeGateway) -> None:
        world.alice_user.set_password("correct horse")
        world.alice_user.save()
        of_alice, of_bob = (create_token(user, "bot")[1] for user in (world.alice_user, world.bob_user))
        browser = Client()
        browser.post("/sign-in/", {"login": "alice", "password": "correct horse"})
        assert find_token(of_alice), "a sign-in ends none"
        new = "battery staple 9"
        fields = {"oldpassword": "correct horse", "password1": new, "password2": new}
        response = browser.post("/password/", fields, follow=True)
        assert "API tokens no longer work" in read(response).text
        assert find_token(of_alice) is None
        assert find_token(of_bob)

    def test_a_link_that_resets_a_password_is_never_printed(self, world: World, settings: Any, capfd: Any) -> None:
        """Without a mail server there is no link, and the page says whom to ask."""
        world.alice_user.email = "alice@school.example"
        world.alice_user.save()
        assert settings.SENDS_MAIL is False
        page = read(Client().post("/password/reset/", {"email": "alice@school.example"}))
        assert "sends no mail" in page.text
        assert "/password/reset/" not in "".join(capfd.readouterr())
        settings.SENDS_MAIL = True
        assert Client().post("/password/reset/", {"email": "alice@school.example"}).status_code == 302
        (sent,) = mailbox()
        assert "/password/reset/" in sent

    def test_a_name_of_two_scripts_is_told_kindly(self, db: None, settings: Any) -> None:
        settings.SIGN_UP_OPEN = True
        password = "correct horse battery"
        typed = {"username": "\u0410lice", "password1": password, "password2": password}
        assert "this one has letters of Cyrillic and Latin" in read(Client().post("/sign-up/", typed)).text
        assert not User.objects.filter(username=typed["username"]).exists()

    def test_who_signs_up_instead_gets_to_the_page_that_was_wanted(
        self, db: None, exchange: FakeGateway, settings: Any
    ) -> None:
        settings.SIGN_UP_OPEN = True
        browser = Client()
        (link,) = [a for a in read(browser.get("/sign-in/?next=/statement/")).named("a") if a.text == "Sign up"]
        form = {"username": "zoe", "password1": "correct horse 1", "password2": "correct horse 1"}
        assert browser.post(link.attributes["href"], form)["Location"] == "/statement/"

    def test_an_invitation_to_sign_up_only_where_that_is_open(self, db: None, settings: Any) -> None:
        assert "Sign up" not in read(Client().get("/sign-in/")).text
        settings.SIGN_UP_OPEN = True
        assert "Sign up" in read(Client().get("/sign-in/")).text


def mailbox() -> list[str]:
    """The texts of the mails that were sent."""
    return [str(one.body) for one in mail.outbox]


@pytest.fixture
def demo(world: World, exchange: FakeGateway, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser at the demo. Alice and Bob exist, Carol and the operator do not."""
    settings.DEMO = True
    settings.ROOT_URLCONF = "tests.pages.demo_urls"
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setenv("EXCHANGE_BIND", "127.0.0.1")
    return Client()


def press(browser: Client, who: str = "alice", **headers: str) -> int:
    return browser.post("/demo/sign-in", {"who": who}, **{**HERE, **headers}).status_code  # type: ignore[arg-type]


def buttons(browser: Client, **headers: str) -> list[str]:
    page = read(browser.get("/sign-in/", **{**HERE, **headers}))  # type: ignore[arg-type]
    return [button.text for form in page.all("demo") for button in form.named("button")]


class TestDemo:
    def test_one_click_signs_in_who_is_there(self, demo: Client, world: World) -> None:
        assert buttons(demo) == ["Continue as Alice", "Continue as Bob"]
        assert press(demo, "bob") == 302
        assert demo.session["_auth_user_id"] == str(world.bob_user.pk)

    def test_leads_to_the_page_that_was_wanted(self, demo: Client, world: World) -> None:
        wanted = "/statement/?before=7-1"
        asked = demo.get(wanted, **HERE)  # type: ignore[arg-type]
        (form,) = read(demo.get(asked["Location"], **HERE)).all("demo")  # type: ignore[arg-type]
        fields = {field.attributes["name"]: field.attributes["value"] for field in form.named("input")}
        assert demo.post("/demo/sign-in", {"who": "alice", **fields}, **HERE)["Location"] == wanted  # type: ignore[arg-type]

    @pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
    def test_leads_nowhere_else(self, demo: Client, world: World, wanted: str) -> None:
        answer = demo.post("/demo/sign-in", {"who": "alice", "next": wanted}, **HERE)  # type: ignore[arg-type]
        assert answer["Location"] == "/"

    @pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]", "[::1]:8000"])
    def test_under_every_name_of_this_machine(self, demo: Client, host: str) -> None:
        assert buttons(demo, HTTP_HOST=host)
        assert press(demo, HTTP_HOST=host) == 302

    @pytest.mark.parametrize(
        "headers",
        [
            {"HTTP_HOST": "exchange.example"},
            {"HTTP_HOST": "127.0.0.1.example"},
            {"HTTP_HOST": "192.168.0.7:8000"},
            {"HTTP_FORWARDED": "for=10.0.0.1"},
            {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
            {"HTTP_X_FORWARDED_HOST": "localhost"},
            {"HTTP_X_FORWARDED_PROTO": "http"},
        ],
    )
    def test_not_through_a_proxy_or_another_name(self, demo: Client, headers: dict[str, str]) -> None:
        assert buttons(demo, **headers) == []
        assert press(demo, **headers) == 404
        assert "_auth_user_id" not in demo.session

    @pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.0.7", "", "example"])
    def test_not_if_the_server_listens_to_others(
        self, demo: Client, monkeypatch: pytest.MonkeyPatch, bind: str
    ) -> None:
        monkeypatch.setenv("EXCHANGE_BIND", bind)
        assert buttons(demo) == []
        assert press(demo) == 404

    @pytest.mark.parametrize("bind", ["localhost", "127.0.0.1", "::1", "[::1]"])
    def test_on_every_loopback_address(self, demo: Client, monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
        monkeypatch.setenv("EXCHANGE_BIND", bind)
        assert press(demo) == 302

    def test_not_without_demo(self, demo: Client, settings: Any) -> None:
        settings.DEMO = False
        assert buttons(demo) == []
        assert press(demo) == 404

    @pytest.mark.parametrize("who", ["carol", "operator", "mallory", ""])
    def test_makes_nobody(self, demo: Client, who: str) -> None:
        User.objects.create_user("mallory")
        before = (User.objects.count(), Account.objects.count())
        assert press(demo, who) == 404
        assert (User.objects.count(), Account.objects.count()) == before

    def test_not_who_was_deactivated(self, demo: Client, world: World) -> None:
        world.bob_user.is_active = False
        world.bob_user.save()
        assert buttons(demo) == ["Continue as Alice"]
        assert press(demo, "bob") == 404

    def test_is_a_post_with_a_csrf_token(self, demo: Client) -> None:
        assert demo.get("/demo/sign-in", **HERE).status_code == 404  # type: ignore[arg-type]
        strict = Client(enforce_csrf_checks=True)
        assert press(strict) == 403
        assert "_auth_user_id" not in strict.session

    def test_is_not_even_routed_without_demo(self, world: World, settings: Any) -> None:
        """The tests run without DEMO=1, so the addresses are those of production."""
        settings.DEMO = True
        assert press(Client()) == 404
