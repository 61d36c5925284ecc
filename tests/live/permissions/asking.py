"""Asks for one cell of the table at one door: makes the thing, sends the request, returns the answer."""

from tests.live.exchange import LiveExchange
from tests.live.permissions.console import CONSOLE
from tests.live.permissions.doors import Answer, Console, Door, Pages, Person, Rest
from tests.live.permissions.operations import COMMANDS, Operation
from tests.live.permissions.stage import THINGS, Scene, Stage
from tests.live.permissions.table import ALLOWED

OPERATIONS = COMMANDS | CONSOLE

Asked = tuple[str, str]  # door, kind of person


class Asking:
    def __init__(self, exchange: LiveExchange) -> None:
        self.stage = Stage(exchange)
        self.doors: dict[str, Door] = {
            "socket": self.stage.socket,
            "rest": Rest(exchange),
            "pages": Pages(exchange),
            "console": Console(exchange),
        }

    def row(self, operation: str, thing: str) -> dict[Asked, Answer]:
        """The answers to every kind of person at every door that has the operation."""
        found: dict[Asked, Answer] = {}
        for door in OPERATIONS[operation].doors:
            cast = [who for who in self.stage.cast if who.pages or door in ("socket", "rest")]
            found |= self.at(door, cast, operation, thing)
        return found

    def at(self, door: str, cast: list[Person], operation: str, thing: str) -> dict[Asked, Answer]:
        """The answers at one door. What one person's request used up is made again for the next."""
        wanted = OPERATIONS[operation]
        scene = self._scene(wanted, thing, cast[0])
        found = {}
        for who in cast:
            scene = self._scene(wanted, thing, who) if thing.startswith("one's own") else scene
            found[door, who.kind] = answer = self._cell(wanted, door, who, scene)
            if wanted.uses and answer.means(ALLOWED):
                scene = self._scene(wanted, thing, who)
        return found

    def _scene(self, wanted: Operation, thing: str, who: Person) -> Scene:
        """`flat` operations get an account without orders."""
        stage = self.stage
        account = stage.account(money=0) if wanted.uses == "account" else stage.flat if wanted.flat else stage.trading
        scene = Scene(stage, account, who)
        scene.id = THINGS[thing](scene)
        return scene

    def _cell(self, wanted: Operation, door: str, who: Person, scene: Scene) -> Answer:
        acting = self.stage.acting(who, scene.account)
        answer = self.doors[door].ask(who, acting, getattr(wanted, door)(scene), scene.id, wanted.anew)
        name = self.stage.names[scene.account]  # rows may use different accounts
        return Answer(answer.codes, tuple(str(part).replace(name, "THE ACCOUNT") for part in answer.details))

    def close(self) -> None:
        self.stage.close()
        for door in self.doors.values():
            door.close()
