"""The command `roto`, and `python -m roto_client`. It minds Ctrl-C before it imports, which takes up to a second."""

from roto_client import interrupts


def main() -> None:
    """Run the command line; ends the process."""
    interrupts.end_at_once()
    from roto_client import cli  # noqa: PLC0415 - as said

    cli.main()


if __name__ == "__main__":
    main()
