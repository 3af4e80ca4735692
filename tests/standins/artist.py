"""Somebody in front of a host, with a desk at a real daemon: for hosts that are set up by a rig."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from host_rig import GivenPlate, Rig
from numpy.typing import NDArray

from roto_client.desk import Desk

Matte = NDArray[np.float64]


class Seat(Rig, Protocol):
    """A rig whose host draws whole pictures."""

    def drawn(self, node: str, frame: int) -> Matte:
        """Return what the host itself draws of a node, 0 to 1, rows from the top."""


class Artist:
    """An artist at a desk. Nothing here knows the host."""

    def __init__(self, rig: Seat) -> None:
        self.rig = rig
        self.desk = Desk(rig.host)

    def wait(self, until: Callable[[], bool], timeout_s: float = 90) -> None:
        """Be the host's event loop until something is so."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.rig.run_waiting()
            if until():
                return
            assert time.monotonic() < deadline, f"waited in vain: {self.desk.state}"
            time.sleep(0.005)

    def settle(self) -> None:
        """Wait until nothing is under way and nothing more comes."""
        for _ in range(3):
            self.wait(lambda: self.desk.is_idle)
            time.sleep(0.01)
            self.rig.run_waiting()

    def open(self, address: str, engine: str, given: GivenPlate) -> None:
        """Select a plate, meet the daemon and open it."""
        self.rig.select(given)
        self.rig.host.show_frame(given.plate.frames.first)
        self.desk.connect(address)
        self.desk.open_plate()
        self.settle()
        assert self.desk.state.plate is not None, self.desk.state.said
        self.desk.use_engine(engine)
        self.settle()

    def matte(self, frame: int) -> Matte:
        """Return the daemon's matte, 0 to 1."""
        desk = self.desk
        desk.go_to(frame)
        self.wait(lambda: desk.matte(desk.state.current, frame) is not None)
        matte = desk.matte(desk.state.current, frame)
        assert matte is not None
        return np.frombuffer(matte.coverage8(), np.uint8).reshape(matte.height, matte.width) / 255

    def write(self) -> str:
        """Fit and write; return the node."""
        before = self.desk.state.node
        self.desk.write()
        self.wait(lambda: bool(self.desk.state.node) and self.desk.state.work is None and self.desk.is_idle)
        assert self.desk.state.node, self.desk.state.said
        return before or self.desk.state.node


def overlap(one: Matte, other: Matte) -> float:
    """Return the share of what either covers that both cover."""
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())
