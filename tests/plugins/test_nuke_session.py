"""Nuke's plugin in a session: menus, threads, progress, terminals, and what to try first in a licensed one."""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
from pathlib import Path
from typing import Optional

import nuke_standin
import pytest
from nuke_scene import reading, state

nuke_standin.start()

import nuke  # noqa: E402 - it belongs to a program that runs
from nuke_standin import nodes as standin_nodes  # noqa: E402

from roto_nuke import first_run, menus  # noqa: E402
from roto_nuke.host import NukeHost  # noqa: E402

pytestmark = pytest.mark.usefixtures("nuke_program")

PLUGIN = Path(__file__).parents[2] / "plugins" / "nuke"


def test_the_menu_the_node_and_the_panel_are_there(nuke_program: nuke_standin.Program) -> None:
    runpy.run_path(str(PLUGIN / "menu.py"))
    menu = nuke.menu("Nuke").findItem("Rotolink")
    assert isinstance(menu, nuke.Menu)
    names = [item.name() for item in menu.items()]
    assert names[0] == "Open the panel"
    assert {"Start a daemon", "Points in the Viewer"} <= set(names)
    assert nuke.menu("Nodes").findItem("Draw/Rotolink") is not None
    ((widget, title, name),) = nuke_program.panels
    assert (title, name) == ("Rotolink", menus.PANEL_ID)
    assert callable(eval(widget)), "Nuke evaluates the text"  # noqa: S307 - as Nuke does
    menus.open_panel()
    assert nuke_program.panes == [(menus.PANEL_ID, "Properties.1")]


def test_calls_from_any_thread_run_on_the_main_one_in_order(nuke_program: nuke_standin.Program) -> None:
    host = NukeHost()
    ran: list[tuple[int, Optional[threading.Thread]]] = []

    def send(number: int) -> None:
        host.later(lambda: ran.append((number, threading.current_thread())))

    def send_five() -> None:
        for number in range(5):
            send(number)

    worker = threading.Thread(target=send_five)
    worker.start()
    worker.join(5)
    send(5)
    assert ran == []
    assert nuke_program.idle(lambda: len(ran) == 6, timeout_s=5)
    assert ran == [(number, threading.current_thread()) for number in range(6)]


def test_the_progress_bar_shows_what_is_done_and_goes(nuke_program: nuke_standin.Program) -> None:
    host = NukeHost()
    with host.progress("Tracking") as progress:
        progress.report(1, 4, "frame 1002")
        assert len(nuke_program.tasks) == 1
        assert not progress.cancelled
        nuke_program.on_progress = lambda task: setattr(task, "_cancelled", True)
        assert progress.cancelled
        progress.report(7, 0, "beyond what was known")
    assert nuke_program.tasks == []


def test_a_terminal_needs_no_window_and_no_qt() -> None:
    program = nuke_standin.start(gui=False)
    host = NukeHost()
    assert not host.abilities.qt
    assert not host.abilities.progress
    host.message("The daemon is gone.")
    assert program.printed == ["Rotolink: The daemon is gone."]
    with host.progress("Tracking") as progress:
        progress.report(1, 2, "frame")
        assert not progress.cancelled
    ran: list[int] = []
    threading.Thread(target=lambda: host.later(lambda: ran.append(1))).start()
    assert host.run_waiting(lambda: ran == [1], timeout_s=5)
    assert not host.run_waiting(lambda: False, timeout_s=0.01)


def test_starting_in_a_terminal_loads_the_client_without_grpc_and_qt() -> None:
    program = (
        "import sys, runpy, nuke_standin; nuke_standin.start(gui=False); "
        f"runpy.run_path({str(PLUGIN / 'init.py')!r}); import roto_nuke.host, roto_nuke.actions; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'grpc', 'google', 'PySide2', 'PySide6'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_without_its_client_nuke_starts_all_the_same_and_says_how_to_install_it() -> None:
    standins = str(PLUGIN.parents[1] / "tests" / "standins")
    program = (
        f"import sys; sys.path[:0] = [{standins!r}, {standins + '/modules'!r}]; sys.path_hooks; "
        "sys.meta_path.insert(0, type('No', (), {'find_spec': staticmethod("
        "lambda name, path=None, target=None: (_ for _ in ()).throw(ImportError(name)) "
        "if name == 'roto_client' else None)})); "
        "import runpy, nuke_standin; program = nuke_standin.start(); "
        f"runpy.run_path({str(PLUGIN / 'init.py')!r}); print(program.printed)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "roto plugins install nuke" in done.stdout, done.stderr


# What to try first


def test_every_check_of_the_first_run_passes_in_the_stand_in_and_leaves_the_script(
    nuke_program: nuke_standin.Program,
) -> None:
    reading()
    before, steps = state(nuke_program), len(nuke_program.steps)
    assert first_run.main()
    (printed,) = nuke_program.printed
    assert "All is as expected." in printed
    assert printed.count("PASS") == len(first_run.CHECKS) - 2
    assert state(nuke_program) == before
    assert len(nuke_program.steps) == steps


def test_a_nuke_that_is_other_than_we_know_fails_the_check_and_reads_what_to_change(
    monkeypatch: pytest.MonkeyPatch, nuke_program: nuke_standin.Program
) -> None:
    monkeypatch.setattr(standin_nodes.Read, "_shift", property(lambda _: 100.0))
    nuke_program.fail_renders = "no licence to render"
    assert not first_run.main()
    printed = nuke_program.printed[0]
    assert "FAIL  the offset of a Read: file 1 with offset 100 is frame 101. Change: plates.OFFSET_SIGN." in printed
    assert "no licence to render. Change: rendering._writer." in printed.replace("..", ".")
    assert "2 of 19 failed." in printed


def test_the_page_names_every_check() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hosts" / "first-run.md").read_text(encoding="utf-8")
    for what, constant, _ in first_run.CHECKS:
        assert f"| {what} |" in page, what
        for each in constant.split(", "):
            assert each.startswith("nothing") or f"`{each}`" in page, each
