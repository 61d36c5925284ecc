"""The programs in client/README.md are valid; the root's README shows the first of them."""

import ast
import asyncio
import re
from pathlib import Path

import pytest
from exchange_client import BID
from exchange_client import exchange_pb2 as pb

from tests.client.script import FakeExchange, cancelled, order

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "client" / "README.md"


def programs(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


PROGRAMS = programs(README)


def test_each_program_is_valid_python() -> None:
    assert len(PROGRAMS) == 4
    for program in PROGRAMS:
        compile(program, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_root_readme_shows_the_first_program() -> None:
    assert programs(ROOT / "README.md") == PROGRAMS[:1]


async def test_the_bot_in_ten_lines_runs(server: FakeExchange, capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAMS[0].replace("ws://127.0.0.1:8000/ws", server.url)
    assert len(list(filter(None, program.splitlines()))) <= 10
    running = asyncio.create_task(asyncio.to_thread(exec, program, {}))
    socket = await server.accept()
    hello = await socket.welcome()
    assert [item.market_id for item in hello.subscriptions] == [1]
    placed = await socket.request()
    assert (placed.create_order.side, placed.create_order.price, placed.create_order.size) == (BID, 4820, 1000)
    await socket.reply(placed, pb.OrderCreated(order=order(5, BID, 4820, 1000)))
    await socket.reply(await socket.request(), cancelled((5, 0)))
    await running
    assert capsys.readouterr().out.startswith("5 Level(price=4000, size=1000, orders=1) 10000000")
