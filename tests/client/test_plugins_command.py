"""`roto plugins`: what lands in a host's folder, that nothing else is touched, and that nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from stand_in_daemon import StandInDaemon
from stand_in_gateway import StandInGateway
from typer.testing import CliRunner

from roto_client.cli import app
from roto_client.plugin_install import LIST_NAME

LINE = "nuke.pluginAddPath('./rotolink')"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of an artist who has nothing installed."""
    folder = tmp_path / "home"
    (folder / ".config").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE", "APPDATA"):
        monkeypatch.setenv(name, str(folder))
    for name in ("XDG_CONFIG_HOME", "SFX_SCRIPT_IMPORTS", "ROTO_DAEMON"):
        monkeypatch.delenv(name, raising=False)
    return folder


def roto(*arguments: str) -> Any:  # noqa: ANN401 - the result class moved between typer's versions
    separate: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**separate).invoke(app, ["plugins", *arguments], env={"COLUMNS": "200"})


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_plugin_brings_the_client_that_it_stands_on_and_the_host_finds_it(home: Path) -> None:
    done = roto("install", "nuke")

    assert (done.exit_code, done.stderr) == (0, "")
    folder = home / ".nuke" / "rotolink"
    assert LINE in (home / ".nuke" / "init.py").read_text()
    assert (folder / "roto_nuke" / "__init__.py").is_file()
    assert not list(folder.rglob("*.pyi"))
    works = "import roto_client.session, roto_shapes.shape, sys; print(roto_client.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", works],
        env={"PYTHONPATH": str(folder / "client")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(told.stdout.strip()).is_relative_to(folder)


def test_the_panel_for_after_effects_lies_where_cep_looks_and_is_packed_for_uxp(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "extensions"

    done = roto("install", "aftereffects", "--target", str(target))

    assert done.exit_code == 0
    assert "From After Effects 27 on, open Rotolink.ccx" in done.stderr
    folder = target / "org.rotolink.panel"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} >= {
        "CSXS/manifest.xml", "index.html", "panel.css", "panel.js", "icons/icon.png", "Rotolink.ccx",
    }  # fmt: skip
    assert not (folder / "client").exists()
    with zipfile.ZipFile(folder / "Rotolink.ccx") as packed:
        assert {"manifest.json", "index.html", "panel.js", "panel.css", "icons/icon@2x.png"} <= set(packed.namelist())
        assert json.loads(packed.read("manifest.json"))["main"] in packed.namelist()
        assert packed.testzip() is None
    assert roto("uninstall", "aftereffects", "--target", str(target)).exit_code == 0
    assert not target.exists()
    refused = roto("install", "aftereffects", "--host-python", "3.11")
    assert "is a page and needs no Python" in refused.stderr
    assert sorted(home.rglob("*")) == [home / ".config"]


@pytest.mark.parametrize("host", ["fusion", "nuke", "silhouette"])
def test_nothing_is_left_after_it_was_taken_away(home: Path, host: str) -> None:
    before = sorted(home.rglob("*"))
    assert roto("install", host).exit_code == 0

    done = roto("uninstall", host)

    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("order", [("silhouette", "aftereffects"), ("aftereffects", "silhouette")])
def test_a_folder_that_two_plugins_share_goes_with_the_last_of_them(home: Path, order: tuple[str, str]) -> None:
    before = sorted(home.rglob("*"))
    for host in ("silhouette", "aftereffects"):
        roto("install", host, "--target", str(home / "shared" / "plugins"))
    for host in order:
        roto("uninstall", host, "--target", str(home / "shared" / "plugins"))
    assert sorted(home.rglob("*")) == before


def test_an_init_of_the_artist_is_not_touched_and_the_line_for_it_is_told(home: Path) -> None:
    own = home / ".nuke" / "init.py"
    own.parent.mkdir()
    own.write_text("import studio\n")

    done = roto("install", "nuke")

    assert f"Add this line to {own}: {LINE}" in done.stderr.replace("\n", " ")
    assert own.read_text() == "import studio\n"
    assert "does not find the plugin" in roto("doctor").stderr
    own.write_text(f"import studio, nuke\n{LINE}\n")
    assert "does not find the plugin" not in roto("doctor").stderr
    assert roto("uninstall", "nuke").exit_code == 0
    assert everything(home) == {".nuke/init.py": own.read_bytes()}


def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(home: Path) -> None:
    other = home / ".nuke" / "rotolink" / "mine.py"
    other.parent.mkdir(parents=True)
    other.write_text("x = 1\n")

    done = roto("install", "nuke")

    assert done.exit_code == 3
    assert "was not written by roto plugins: move it away" in done.stderr
    assert everything(home) == {".nuke/rotolink/mine.py": b"x = 1\n"}


def test_files_that_were_changed_or_added_since_outlive_an_update_and_the_end(home: Path) -> None:
    roto("install", "nuke")
    folder = home / ".nuke" / "rotolink"
    (folder / "notes.txt").write_text("mine")
    assert roto("install", "nuke").exit_code == 0
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "roto_nuke" / "__init__.py").write_text("# changed\n")

    done = roto("uninstall", "nuke")

    assert "rotolink/roto_nuke/__init__.py was changed since, and stays" in done.stderr
    assert everything(home) == {
        ".nuke/rotolink/roto_nuke/__init__.py": b"# changed\n",
        ".nuke/rotolink/notes.txt": b"mine",
    }


def test_an_update_leaves_no_file_of_the_older_version(home: Path) -> None:
    roto("install", "nuke")
    folder = home / ".nuke" / "rotolink"
    stale = folder / "gone_in_this_version.py"
    stale.write_text("old\n")
    listed = json.loads((folder / LIST_NAME).read_text())
    listed["files"]["rotolink/gone_in_this_version.py"] = hashlib.sha256(stale.read_bytes()).hexdigest()
    (folder / LIST_NAME).write_text(json.dumps(listed))

    assert roto("install", "nuke").exit_code == 0

    assert not stale.exists()


@pytest.mark.usefixtures("home")
def test_the_list_and_the_check_know_plugins_in_folders_of_the_studio(tmp_path: Path) -> None:
    studio = tmp_path / "studio"
    assert roto("list").stdout.startswith("No plugin is installed.")
    roto("install", "nuke", "--target", str(studio))
    (studio / "rotolink" / "roto_nuke" / "__init__.py").unlink()

    (listed,) = json.loads(roto("list", "--json").stdout)

    assert listed["folder"] == str(studio / "rotolink")
    assert listed["missing"] == ["rotolink/roto_nuke/__init__.py"]
    checked = roto("doctor", "--daemon", "127.0.0.1:1")
    assert checked.exit_code == 1
    assert "1 files are missing, rotolink/roto_nuke/__init__.py first: install it again." in checked.stderr
    assert "No Rotolink daemon answers at 127.0.0.1:1" in checked.stderr
    assert roto("uninstall", "nuke", "--target", str(studio)).exit_code == 0
    assert json.loads(roto("list", "--json").stdout) == []


@pytest.mark.usefixtures("home")
def test_the_doctor_tries_the_way_that_each_plugin_takes_to_the_daemon(
    stand_in: StandInDaemon, gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    roto("install", "silhouette")
    monkeypatch.setenv("SFX_SCRIPT_IMPORTS", str(find_silhouette()))
    by_http = roto("doctor", "--daemon", gateway.address)
    assert (by_http.exit_code, by_http.stderr) == (0, "")
    assert "Silhouette: reaches it by HTTP\n" in by_http.stdout
    assert f"Daemon: answers {gateway.address} too" in by_http.stdout

    without = roto("doctor", "--daemon", stand_in.address)

    assert without.exit_code == 1
    assert "gRPC cannot be used here, and where the daemon at" in without.stderr


def find_silhouette() -> Path:
    (listed,) = json.loads(roto("list", "--json").stdout)
    return Path(listed["folder"])


def test_another_rotolink_of_the_scripts_python_is_not_mixed_with_the_plugin(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "Fusion"
    roto("install", "fusion", "--target", str(target))
    for name in ("roto_client", "roto_shapes", "roto_fusion"):
        older = tmp_path / "older" / name
        older.mkdir(parents=True)
        (older / "__init__.py").write_text("raise ImportError('this is older')\n")
    done = subprocess.run(
        [sys.executable, str(target / "Scripts" / "Comp" / "Rotolink.py")],
        env={"PYTHONPATH": str(tmp_path / "older"), "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Open a composition first" in done.stdout, done.stderr


def test_wheels_for_the_hosts_python_come_from_a_folder_without_a_network(home: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, version in (("grpcio", "1.80.1"), ("protobuf", "6.33.6"), ("zstandard", "0.25.0")):
        _wheel(wheels, name, version)

    done = roto("install", "nuke", "--host-python", "3.10", "--offline", str(wheels))

    assert (done.exit_code, done.stderr) == (0, "")
    vendor = home / ".nuke" / "rotolink" / "vendor"
    assert {path.name for path in vendor.glob("*.py")} == {"grpcio.py", "protobuf.py", "zstandard.py"}


def test_wheels_that_are_not_there_are_told_and_nothing_is_installed(home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    done = roto("install", "nuke", "--host-python", "3.10", "--offline", str(empty))

    assert done.exit_code == 3
    assert "There are no wheels for Python 3.10" in done.stderr
    assert "Leave --host-python out" in done.stderr
    assert not (home / ".nuke").exists()


def test_the_menus_script_knows_where_the_plugin_lies(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "Fusion"
    assert roto("install", "fusion", "--target", str(target)).exit_code == 0

    script = (target / "Scripts" / "Comp" / "Rotolink.py").read_text()
    assert f'FOLDER = "{(target / "Rotolink").as_posix()}"' in script
    done = subprocess.run(
        [sys.executable, "-I", str(target / "Scripts" / "Comp" / "Rotolink.py")],
        env={"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Open a composition first" in done.stdout, done.stderr
    assert roto("uninstall", "fusion", "--target", str(target)).exit_code == 0
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("install", "maya"), 2, "'maya' is none of nuke, silhouette, fusion, aftereffects"),
        (("install", "nuke", "--host-python", "latest"), 3, "'latest' is not a version of Python"),
        (("install", "nuke", "--offline", "/"), 3, "say by --host-python which Python they are for"),
        (("install", "nuke", "--host-python", "3.11", "--offline", "/no/such"), 3, "/no/such is not a folder"),
        (("install", "nuke", "--target", "/dev/null/x"), 6, "name another folder by --target"),
        (("uninstall", "nuke"), 3, "holds no Rotolink plugin for Nuke"),
        (("doctor",), 3, "No plugin is installed"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    home: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = roto(*arguments)

    assert done.exit_code == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert sorted(home.rglob("*")) == [home / ".config"]


@pytest.mark.usefixtures("home")
def test_what_runs_inside_hosts_is_printed() -> None:
    assert "Nuke: import roto_nuke.first_run" in roto("doctor", "--inside").stdout


def _wheel(folder: Path, name: str, version: str) -> None:
    """Write the smallest wheel that pip takes."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
