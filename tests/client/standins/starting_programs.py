"""A host that starts other programs while it talks to the daemon at the address given; prints how they ended."""

from __future__ import annotations

import subprocess
import sys
import threading

from roto_client.session import connect

STARTED = 40


def main() -> None:
    """Start programs by a plain fork, as Python did before 3.10 and still does where a program needs preparing."""
    vars(subprocess)["_USE_VFORK"] = False
    over = threading.Event()
    with connect(sys.argv[1]) as daemon:

        def talk() -> None:
            while not over.is_set():
                daemon.round_trip_s()

        talking = threading.Thread(target=talk)
        talking.start()
        ended = {subprocess.run(["true"], check=False).returncode for _ in range(STARTED)}
        over.set()
        talking.join()
    sys.stdout.write(f"{sorted(ended)}\n")


main()
