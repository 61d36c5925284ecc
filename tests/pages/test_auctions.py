"""Pages of the auction board: looking, listing with a picture, editing, withdrawing, buying."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, Ownership, Transfer, TransferKind
from auctions import pictures, selectors
from auctions.models import Auction, AuctionStatus
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.auctions.pictures import encoded, red_left
from tests.pages.conftest import AT_US, CHIP, Asked, FakeGateway, World
from tests.pages.html import Element, read, toasts

FORM = {"account": "2", "key": "k", "name": "Vase", "description": "a\r\nb", "price": "1,234.5"}


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def list_auction(id: int, seller: Account, name: str, price: int | None = None, **fields: Any) -> Auction:
    given = {"status": AuctionStatus.OPEN, "creator": 0, "created_us": AT_US, "seq": id, **fields}
    return Auction.objects.create(id=id, seller=seller, name=name, buy_now_price=price, **given)


@pytest.fixture
def board(world: World) -> World:
    """Bob sells a lamp for 30. Alice sells a chair; of her earlier auctions one is sold and one withdrawn."""
    list_auction(1, world.bob, "Lamp", 30 * CHIP, description="Brass.\n\n<script>alert(1)</script>")
    list_auction(2, world.alice, "Chair")
    list_auction(3, world.alice, "Sold", 5, status=AuctionStatus.SETTLED, buyer=world.bob, settle_price=12 * CHIP)
    list_auction(4, world.alice, "Gone", 5, status=AuctionStatus.WITHDRAWN)
    return world


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "pictures").glob("*"))


def upload(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("../vase.png", encoded(red_left()) if data is None else data)


def answer(exchange: FakeGateway, **message: Any) -> None:
    exchange.reply = pb.ServerMessage(seq=9, **message)


class TestLooking:
    def test_open_ones_come_first_then_what_was_sold(self, alice: Client, board: World) -> None:
        cards = read(alice.get("/auctions/")).all("auction")
        assert [card.one("auction-name").text for card in cards] == ["Chair", "Lamp", "Sold"]
        assert [card.one("price").text for card in cards] == ["no price yet", "30 chips", "12 chips"]
        assert "Alice sold it to Bob" in cards[2].text

    def test_has_pages(self, alice: Client, board: World, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = [card.attributes for card in read(alice.get("/auctions/")).one("board").named("li")]
        assert len(whole) > 1
        monkeypatch.setattr(selectors, "SHOWN", len(whole) - 1)
        first, second = (read(alice.get(f"/auctions/?page={page}")) for page in (1, 2))
        assert (len(first.one("board").named("li")), len(second.one("board").named("li"))) == (len(whole) - 1, 1)
        links = [page.one("page-links").named("a") for page in (first, second)]
        assert [["hidden" in link.attributes for link in of_page] for of_page in links] == [
            [True, False],
            [False, True],
        ]
        assert "hidden" not in first.one("page-links").attributes
        assert [alice.get(f"/auctions/?page={page}").status_code for page in (0, 3)] == [404, 404]

    def test_one_page_has_no_landmark_of_links(self, alice: Client, board: World) -> None:
        assert "hidden" in read(alice.get("/auctions/")).one("page-links").attributes
        assert "?page=False" not in alice.get("/auctions/").content.decode()

    def test_an_empty_board(self, alice: Client) -> None:
        assert "Nothing is for sale yet" in read(alice.get("/auctions/")).text

    def test_the_number_of_queries_does_not_grow(
        self, alice: Client, board: World, django_assert_max_num_queries: Any
    ) -> None:
        for id in range(10, 40):
            list_auction(id, board.bob, f"Lot {id}", 1)
        with django_assert_max_num_queries(8):
            alice.get("/auctions/")

    def test_the_navigation_leads_there(self, alice: Client) -> None:
        (link,) = [a for a in read(alice.get("/")).named("a") if a.attributes.get("href") == "/auctions/"]
        assert link.text == "Auctions"

    def test_what_people_wrote_stays_text(self, alice: Client, board: World) -> None:
        Auction.objects.update(name="</title><script>alert(1)</script>")
        for path in ("/auctions/", "/auctions/1/", "/auctions/2/edit/"):
            assert b"<script>alert" not in alice.get(path).content

    @pytest.mark.parametrize("path", ["/auctions/4/", "/auctions/99/", "/auctions/4/edit/", "/auctions/3/edit/"])
    def test_what_is_not_there(self, path: str, alice: Client, board: World) -> None:
        assert alice.get(path).status_code == 404

    @pytest.mark.parametrize("path", ["/auctions/", "/auctions/1/", "/auctions/new/", "/auctions/2/edit/"])
    def test_only_for_people_who_are_signed_in(self, path: str, board: World) -> None:
        assert Client().get(path).headers["Location"].startswith("/sign-in/")

    def test_a_statement_names_what_was_paid_for(self, alice: Client, board: World) -> None:
        Transfer.objects.create(
            id=1,
            from_account=board.bob,
            to_account=board.alice,
            amount=12 * CHIP,
            note="Sold",
            kind=TransferKind.AUCTION,
            at_us=AT_US,
            auction=3,
            seq=9,
        )
        (row,) = read(alice.get("/portfolio/")).all("transfer-row")
        assert "Auction Sold from Bob +12.00" in row.text
        assert row.named("a")[0].attributes["href"] == "/auctions/3/"


class TestBuying:
    def page(self, alice: Client, auction: int = 1) -> Element:
        return read(alice.get(f"/auctions/{auction}/"))

    def hidden(self, form: Element) -> dict[str, str]:
        return {e.attributes["name"]: e.attributes.get("value", "") for e in form.named("input")}

    def test_the_price_that_was_seen_is_sent(self, alice: Client, board: World, exchange: FakeGateway) -> None:
        form = self.page(alice).one("buy-form")
        assert "Buy now for 30 chips" in form.text
        bought = pb.Auction(id=1, name="Lamp", settle_price=30 * CHIP)
        answer(exchange, auction_settled=pb.AuctionSettled(auction=bought))
        Auction.objects.filter(id=1).update(buy_now_price=40 * CHIP)
        fields = self.hidden(form)
        page = read(alice.post("/auctions/1/buy/", fields, follow=True))
        buy = pb.BuyAuction(auction_id=1, price=30 * CHIP, key=fields["key"])
        assert exchange.last[1:] == (2, pb.ClientMessage(buy_auction=buy))
        assert toasts(page) == ["You bought Lamp for 30 chips."]

    def test_a_refusal_is_rendered(self, alice: Client, board: World, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.PRICE_CHANGED, "You saw 30, the price is 40 now.")
        form = {"account": "2", "key": "k", "price": str(30 * CHIP)}
        assert toasts(read(alice.post("/auctions/1/buy/", form, follow=True))) == ["You saw 30, the price is 40 now."]

    @pytest.mark.parametrize("price", ["", "x", "-1", "1.5", str(2**63)])
    def test_no_price_is_no_purchase(self, price: str, alice: Client, board: World, exchange: FakeGateway) -> None:
        alice.post("/auctions/1/buy/", {"account": "2", "key": "k", "price": price})
        assert exchange.asked == []

    @pytest.mark.parametrize(
        ("seller", "price", "words"),
        [
            ("alice", 1, "You are the seller."),
            ("team", 1, "The seller is Team, one of your accounts."),
            ("bob", None, "It has no price"),
            ("bob", 1_001 * CHIP, "You have only 1,000 chips available."),
        ],
    )
    def test_the_page_explains_why_one_cannot_buy(
        self, seller: str, price: int | None, words: str, alice: Client, board: World
    ) -> None:
        list_auction(9, getattr(board, seller), "It", price)
        page = self.page(alice, 9)
        assert words in page.one("hindrance").text
        assert page.all("buy-form") == []

    def test_what_is_sold_is_sold(self, alice: Client, board: World) -> None:
        page = self.page(alice, 3)
        assert page.one("hindrance").text == "This auction is sold."
        assert page.all("edit") == page.all("withdraw-form") == []


class TestListing:
    def test_a_form_becomes_a_command(self, alice: Client, exchange: FakeGateway, tmp_path: Path) -> None:
        answer(exchange, auction_created=pb.AuctionCreated(auction=pb.Auction(id=5, name="Vase")))
        response = alice.post("/auctions/new/", {**FORM, "picture": upload()})
        assert response.headers["Location"] == "/auctions/5/"
        (kept,) = files(tmp_path)
        create = pb.CreateAuction(name="Vase", description="a\nb", picture=kept, buy_now_price=12_345_000, key="k")
        assert exchange.last[1:] == (2, pb.ClientMessage(create_auction=create))

    @pytest.mark.parametrize(("typed", "sent"), [("", None), ("0", 0)])
    def test_no_price_is_not_a_price_of_0(
        self, typed: str, sent: int | None, alice: Client, exchange: FakeGateway
    ) -> None:
        answer(exchange, auction_created=pb.AuctionCreated(auction=pb.Auction(id=5, name="Vase")))
        alice.post("/auctions/new/", {**FORM, "price": typed})
        create = exchange.last.message.create_auction
        assert (create.buy_now_price if create.HasField("buy_now_price") else None) == sent
        assert create.picture == ""

    def test_after_a_refusal_what_was_typed_is_there_and_the_picture_is_gone(
        self, alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        exchange.refusal = RequestFailed(pb.INVALID_AMOUNT, "Too much.")
        page = read(alice.post("/auctions/new/", {**FORM, "picture": upload()}))
        assert toasts(page) == ["Too much."]
        typed = {e.attributes.get("name"): e.attributes.get("value") for e in page.one("auction-form").named("input")}
        assert (typed["name"], typed["price"]) == ("Vase", "1,234.5")
        assert page.one("auction-form").named("textarea")[0].text == "a b"
        assert files(tmp_path) == []

    def test_a_picture_is_paid_for_before_it_is_looked_at(
        self, alice: Client, world: World, exchange: FakeGateway, settings: Any
    ) -> None:
        exchange.empty = RequestFailed(pb.RATE_LIMITED, "Too fast: wait 20 s.")
        page = read(alice.post("/auctions/new/", {**FORM, "picture": upload()}, follow=True))
        assert exchange.drawn == [(world.alice_user.pk, "expensive", 1)]
        assert exchange.asked == []
        assert toasts(page) == ["Too fast: wait 20 s. Nothing was sent."]
        assert files(settings.VAR_DIR) == []

    def test_if_the_outcome_is_unknown_the_picture_stays(
        self, alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        exchange.refusal = RequestFailed(pb.OUTCOME_UNKNOWN, "No answer.")
        alice.post("/auctions/new/", {**FORM, "picture": upload()})
        assert len(files(tmp_path)) == 1

    @pytest.mark.parametrize("again", [True, False])
    def test_sent_again_with_the_file_or_without_it_is_the_same_command(
        self, again: bool, alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        exchange.refusal = RequestFailed(pb.OUTCOME_UNKNOWN, "No answer.")
        long = {**FORM, "description": "🏺" * 4_000}
        form = read(alice.post("/auctions/new/", {**long, "picture": upload()})).one("auction-form")
        back = {e.attributes["name"]: e.attributes.get("value", "") for e in form.named("input")}
        del back["picture"]
        assert back["key"] == "k"
        alice.post("/auctions/new/", {**long, **back, **({"picture": upload()} if again else {})})
        first, second = (asked.message for asked in exchange.asked)
        assert first == second
        assert files(tmp_path) == [first.create_auction.picture]

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"<svg/>", "This is no picture that can be read: send a whole JPEG, PNG, WebP or GIF. Nothing was sent."),
            (bytes(5_000_001), "A picture has at most 5 MB, this one has 5.0 MB. Nothing was sent."),
            (b"", "Picture: The submitted file is empty."),
        ],
    )
    def test_a_picture_that_is_none_is_not_sent(
        self, data: bytes, words: str, alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        page = read(alice.post("/auctions/new/", {**FORM, "picture": upload(data)}))
        assert toasts(page) == [words]
        assert exchange.asked == []
        assert files(tmp_path) == []

    @pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 81}, {"price": "cheap"}, {"price": "1.00001"}])
    def test_what_cannot_be_read_is_not_sent(
        self, wrong: dict[str, str], alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        page = read(alice.post("/auctions/new/", {**FORM, **wrong, "picture": upload()}))
        assert len(toasts(page)) == 1
        assert exchange.asked == []
        assert files(tmp_path) == []

    def test_for_an_account_of_somebody_else_nothing_is_kept(
        self, alice: Client, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        page = read(alice.post("/auctions/new/", {**FORM, "account": "3", "picture": upload()}))
        assert "You may no longer act as this account" in toasts(page)[0]
        assert exchange.asked == []
        assert files(tmp_path) == []


class TestEditing:
    def edit(self, alice: Client, **changed: Any) -> Any:
        """Posts the page's form with some entries changed."""
        form = read(alice.get("/auctions/2/edit/")).one("auction-form")
        fields = {e.attributes["name"]: e.attributes.get("value", "") for e in form.named("input")}
        fields = {name: value for name, value in fields.items() if name not in ("remove_picture", "picture")}
        fields["description"] = form.named("textarea")[0].text
        return alice.post("/auctions/2/edit/", {**fields, **changed})

    def sent(self, exchange: FakeGateway) -> pb.EditAuction:
        asked: Asked = exchange.last
        assert asked.account == 2
        edit = asked.message.edit_auction
        edit.key = ""
        return edit

    @pytest.mark.parametrize(
        ("price", "typed", "expected"),
        [
            (None, "2", pb.EditAuction(auction_id=2, buy_now_price=20_000)),
            (None, "0", pb.EditAuction(auction_id=2, buy_now_price=0)),
            (20_000, "", pb.EditAuction(auction_id=2, no_buy_now_price=True)),
            (0, "", pb.EditAuction(auction_id=2, no_buy_now_price=True)),
        ],
    )
    def test_a_price_is_set_or_taken_away(
        self, price: int | None, typed: str, expected: pb.EditAuction, alice: Client, board: World, exchange: Any
    ) -> None:
        Auction.objects.filter(id=2).update(buy_now_price=price)
        assert self.edit(alice, price=typed).headers["Location"] == "/auctions/2/"
        assert self.sent(exchange) == expected

    def test_only_what_was_changed_is_sent(self, alice: Client, board: World, exchange: FakeGateway) -> None:
        Auction.objects.filter(id=2).update(buy_now_price=12_345_000, description="old")
        self.edit(alice, name="Arm chair")
        assert self.sent(exchange) == pb.EditAuction(auction_id=2, name="Arm chair")
        self.edit(alice, description="")
        assert self.sent(exchange) == pb.EditAuction(auction_id=2, description="")

    def test_nothing_changed_is_not_sent(self, alice: Client, board: World, exchange: FakeGateway) -> None:
        assert toasts(read(self.edit(alice))) == ["You did not change anything."]
        assert exchange.asked == []

    def test_another_picture_takes_the_place_of_the_first(
        self, alice: Client, board: World, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        before = pictures.store(b"x")
        Auction.objects.filter(id=2).update(picture=before)

        def update(asked: Asked) -> None:
            Auction.objects.filter(id=2).update(picture=asked.message.edit_auction.picture)

        exchange.on_ask = update
        self.edit(alice, picture=upload())
        (after,) = files(tmp_path)
        assert after == self.sent(exchange).picture != before
        self.edit(alice, remove_picture="on")
        assert self.sent(exchange) == pb.EditAuction(auction_id=2, picture="")
        assert files(tmp_path) == []

    def test_if_it_is_refused_the_first_picture_stays(
        self, alice: Client, board: World, exchange: FakeGateway, tmp_path: Path
    ) -> None:
        before = pictures.store(b"x")
        Auction.objects.filter(id=2).update(picture=before)
        exchange.refusal = RequestFailed(pb.AUCTION_SETTLED, "Sold already.")
        self.edit(alice, picture=upload())
        assert files(tmp_path) == [before]

    def test_only_the_account_that_sells_it(self, alice: Client, board: World) -> None:
        assert alice.get("/auctions/1/edit/").status_code == 404
        alice.post("/act-as/", {"account": "4"})
        assert alice.get("/auctions/2/edit/").status_code == 404

    def test_one_withdraws(self, alice: Client, board: World, exchange: FakeGateway) -> None:
        form = read(alice.get("/auctions/2/")).one("withdraw-form")
        key = next(e.attributes["value"] for e in form.named("input") if e.attributes["name"] == "key")
        withdrawn = pb.Auction(id=2, name="Chair")
        answer(exchange, auction_withdrawn=pb.AuctionWithdrawn(auction=withdrawn))
        page = read(alice.post("/auctions/2/withdraw/", {"account": "2", "key": key}, follow=True))
        assert exchange.last.message == pb.ClientMessage(withdraw_auction=pb.WithdrawAuction(auction_id=2, key=key))
        assert toasts(page) == ["Chair is withdrawn."]

    def test_a_shared_seller_acts_for_it(self, alice: Client, board: World) -> None:
        Ownership.objects.create(owner=board.bob, account=board.team, credit=0)
        list_auction(9, board.team, "Ours", 1)
        bob = Client()
        bob.force_login(board.bob_user)
        bob.post("/act-as/", {"account": "4"})
        assert bob.get("/auctions/9/edit/").status_code == 200


class TestPictures:
    def test_are_served_as_webp_and_nothing_else(self, alice: Client) -> None:
        name = pictures.store(pictures.clean(encoded(red_left())))
        response = alice.get(f"/pictures/{name}")
        assert response.content == pictures.read(name)
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Disposition"] == f'inline; filename="{name}"'
        assert "immutable" in response.headers["Cache-Control"]
        assert "private" in response.headers["Cache-Control"]
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        "name", ["../secret_key", "..%2fsecret_key", "secret_key", "a" * 32, "A" * 32 + ".webp", "a" * 32 + ".webp/x"]
    )
    def test_only_by_exact_name(self, name: str, alice: Client, tmp_path: Path) -> None:
        (tmp_path / "secret_key").write_text("secret")
        assert alice.get(f"/pictures/{name}").status_code == 404

    def test_only_for_people_who_are_signed_in(self, db: None) -> None:
        name = pictures.store(b"x")
        assert Client().get(f"/pictures/{name}").status_code == 404

    def test_the_board_shows_them(self, alice: Client, board: World) -> None:
        name = pictures.store(b"x")
        Auction.objects.filter(id=1).update(picture=name)
        (picture,) = read(alice.get("/auctions/")).named("img")
        assert picture.attributes["src"] == f"/pictures/{name}"
