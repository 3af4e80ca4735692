"""`python -m roto_daemon` is `roto-daemon`."""

from roto_daemon.cli import main

main()
