"""One cell at one door: sets the scene, asks, and says what came of it."""

from tests.live.exchange import LiveExchange
from tests.live.permissions.doors import Answer, Console, Pages, Person, Rest
from tests.live.permissions.operations import OPERATIONS
from tests.live.permissions.stage import THINGS, Scene, Stage

Asked = tuple[str, str]  # door, kind of person


class Asking:
    def __init__(self, exchange: LiveExchange) -> None:
        self.stage = Stage(exchange)
        self.doors = {
            "socket": self.stage.socket,
            "rest": Rest(exchange),
            "pages": Pages(exchange),
            "console": Console(exchange),
        }

    def row(self, operation: str, thing: str) -> dict[Asked, Answer]:
        """What everybody is answered at every door that has the operation."""
        wanted = OPERATIONS[operation]
        scene = Scene(self.stage, self.stage.account(), self.stage.cast[0])
        scene.id = THINGS[thing](scene) if wanted.uses != "thing" else 0
        found = {}
        for door in wanted.doors:
            for who in self.stage.cast:
                if who.pages or door in ("socket", "rest"):
                    found[door, who.kind] = self._cell(operation, thing, door, who, scene)
        return found

    def _cell(self, operation: str, thing: str, door: str, who: Person, scene: Scene) -> Answer:
        wanted = OPERATIONS[operation]
        scene.who = who
        if wanted.uses == "account" and thing.startswith("the account"):
            scene.account = self.stage.account()
        if wanted.uses:
            scene.id = THINGS[thing](scene)
        acting = self.stage.acting(who, scene.account)
        return self.doors[door].ask(who, acting, getattr(wanted, door)(scene), scene.id, wanted.anew)

    def close(self) -> None:
        self.stage.close()
        for door in self.doors.values():
            door.close()
