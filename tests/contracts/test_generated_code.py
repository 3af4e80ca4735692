"""The committed Python code of the protocol is what its .proto files and the pinned generator make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROTO = Path(__file__).parents[2] / "proto"


def generated_files(root: Path) -> dict[str, bytes]:
    folder = root / "roto_proto" / "v1"
    return {path.name: path.read_bytes() for path in [*folder.glob("*_pb2*.py*"), folder / "schema.py"]}


def test_the_committed_code_is_what_the_proto_files_generate(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROTO / "generate.py", "--out", tmp_path], check=True)

    fresh = generated_files(tmp_path)
    committed = generated_files(PROTO)

    assert sorted(committed) == sorted(fresh), "make proto, and remove what is no longer generated"
    stale = [name for name, content in fresh.items() if committed[name] != content]
    assert stale == [], "make proto"


def test_every_proto_file_has_its_messages_services_and_stubs() -> None:
    suffixes = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
    sources = [path.stem for path in (PROTO / "roto_proto" / "v1").glob("*.proto")]

    assert sources
    assert sorted(generated_files(PROTO)) == sorted(
        ["schema.py", *(stem + each for stem in sources for each in suffixes)]
    )


def test_a_proto_file_that_cannot_be_compiled_is_an_error(tmp_path: Path) -> None:
    copy = tmp_path / "proto"
    package = copy / "roto_proto" / "v1"
    package.mkdir(parents=True)
    (copy / "generate.py").write_bytes((PROTO / "generate.py").read_bytes())
    (package / "broken.proto").write_text("syntax = 'proto3'; message {")

    run = subprocess.run([sys.executable, copy / "generate.py"], capture_output=True, text=True, check=False)

    assert run.returncode != 0
    assert "broken.proto" in run.stderr
