"""No task dies unseen: it belongs to a TaskGroup, or is listed here with who looks at its end."""

import ast
from collections.abc import Iterator

from tests.tidy.sources import PACKAGES, files_of, name_of, parse
from tests.tidy.test_sizes import definitions

STARTS = {"create_task", "ensure_future", "run_coroutine_threadsafe", "run_in_executor"}
GROUPED = "tasks.create_task"

WATCHED = {
    "client/exchange_client/bots/command_line.py:until_stopped": "waits for all of them",
    "client/exchange_client/session.py:Session.start": "Session._run ends the session whatever happens, and says why",
    "client/exchange_client/session.py:Session._converse": "Session._write closes the socket if it fails",
    "markets/journal/journal.py:_Thread.run": "the caller awaits it",
    "markets/management/commands/runexchange.py:_drained": "waits for it",
    "markets/management/commands/runexchange.py:_run_until_signal": "waits for the first to end, then ends the process",
    "realtime/gateway.py:_wait": "the thread waits for it",
    "realtime/outbox.py:SendOutlet.__init__": "SendOutlet._run says that the connection is lost",
    "realtime/server.py:Server._live": "waits for the first to end, then ends the process",
    "realtime/server.py:Server.serve": "its end stops the reactor, and its result is the exit status",
    "realtime/server.py:Server.create_application": "application_checker looks every second",
}


def starts(tree: ast.AST) -> Iterator[str]:
    """The functions that start a task outside a TaskGroup."""
    for name, function in definitions(tree):
        if isinstance(function, ast.ClassDef):
            continue
        for node in ast.walk(function):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in STARTS and ast.unparse(called) != GROUPED:
                yield name


def in_a_group(tree: ast.AST) -> bool:
    """Whether every `tasks` on which a task is created is a TaskGroup."""
    created = sum(isinstance(n, ast.Attribute) and ast.unparse(n) == GROUPED for n in ast.walk(tree))
    groups = [
        item
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if ast.unparse(item) == "asyncio.TaskGroup() as tasks"
    ]
    return not created or bool(groups)


def test_every_task_is_in_a_group_or_is_listed() -> None:
    found = {f"{name_of(path)}:{name}" for path in files_of(*PACKAGES, "client") for name in starts(parse(path))}
    assert found == WATCHED.keys()
    assert all(in_a_group(parse(path)) for path in files_of(*PACKAGES, "client"))


def test_that_it_would_fail() -> None:
    tree = ast.parse("def f():\n    loop.create_task(g())\n\nasync def h():\n    tasks.create_task(g())")
    assert list(starts(tree)) == ["f"]
    assert not in_a_group(tree)
