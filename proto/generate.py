"""Generate the Python code of the protocol beside its .proto files: `make proto`.

The generator is grpcio-tools 1.72.2 whatever runtime is installed: newer runtimes load its code, while older ones
refuse what a newer generator writes (docs/decisions/0008-oldest-generator.md). Stubs come from mypy-protobuf.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
PACKAGE = Path("roto_proto/v1")
OUTPUTS = ("python", "grpc_python", "mypy", "mypy_grpc")


def generate(folder: Path) -> None:
    """Write the code of every .proto file below `folder`, which is taken as the root of imports.

    Raises SystemExit, after protoc has said why, when a .proto file cannot be compiled.
    """
    # protoc looks for its plugins on PATH, which lacks an environment that was not activated.
    plugins = [
        f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}" for name in OUTPUTS[2:]
    ]
    targets = [f"--{name}_out={'quiet:' if name in OUTPUTS[2:] else ''}{folder}" for name in OUTPUTS]
    sources = [str(path.relative_to(ROOT)) for path in sorted((ROOT / PACKAGE).glob("*.proto"))]
    status = protoc.main(["protoc", f"--proto_path={ROOT}", *plugins, *targets, *sources])
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Generate the protocol's Python code.")
    parser.add_argument("--out", type=Path, default=ROOT, help="root of the written packages (default: proto/)")
    generate(parser.parse_args().out)
