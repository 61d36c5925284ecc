"""The committed protobuf code is what the generator makes from the current contract."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.services import missing
from tests.tidy.sources import ROOT

CONTRACT = "proto/exchange.proto"
GENERATED = ("proto/exchange_pb2.py", "proto/exchange_pb2.pyi")
TYPESCRIPT = "proto/exchange_pb.ts"


def protoc(source_root: Path, *options: str) -> None:
    """The generator as `make proto` calls it."""
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={source_root}", *options, CONTRACT],
        check=True,
        stderr=subprocess.DEVNULL,
        cwd=source_root,
    )


def generate(source_root: Path, target: Path) -> None:
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    protoc(source_root, f"--python_out={target}", f"--mypy_out={target}", f"--plugin=protoc-gen-mypy={plugin}")


def stale(source_root: Path, committed_root: Path, scratch: Path) -> list[str]:
    generate(source_root, scratch)
    return [
        name
        for name in GENERATED
        if not (committed_root / name).is_file()
        or (committed_root / name).read_bytes() != (scratch / name).read_bytes()
    ]


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    assert stale(ROOT, ROOT, tmp_path) == [], "run: make proto"


def test_the_client_has_the_same_code() -> None:
    """Byte for byte, because a process may import both: equal files share their message classes, others conflict."""
    for name in GENERATED:
        copy = ROOT / "client/exchange_client" / Path(name).name
        assert copy.read_bytes() == (ROOT / name).read_bytes(), "run: make proto"


def test_generated_typescript_is_fresh(tmp_path: Path) -> None:
    plugin = ROOT / "frontend/node_modules/.bin/protoc-gen-es"
    if not plugin.exists() or shutil.which("node") is None:
        missing("the front end's packages", "make frontend")
    protoc(ROOT, f"--es_out={tmp_path}", "--es_opt=target=ts", f"--plugin=protoc-gen-es={plugin}")
    committed = ROOT / "frontend/src/gen" / TYPESCRIPT
    assert committed.read_bytes() == (tmp_path / TYPESCRIPT).read_bytes(), "run: make proto"


def test_that_it_would_fail_on_a_changed_contract(tmp_path: Path) -> None:
    contract = tmp_path / CONTRACT
    (tmp_path / "scratch").mkdir()
    contract.parent.mkdir()
    contract.write_text((ROOT / CONTRACT).read_text(encoding="utf-8"), encoding="utf-8")
    generate(tmp_path, tmp_path)
    assert stale(tmp_path, tmp_path, tmp_path / "scratch") == []
    contract.write_text(
        contract.read_text(encoding="utf-8") + "\nmessage Planted { int64 seq = 1; }\n", encoding="utf-8"
    )
    assert stale(tmp_path, tmp_path, tmp_path / "scratch") == list(GENERATED)
