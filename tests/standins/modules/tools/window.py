"""Silhouette's window."""


def get_main_window() -> None:
    """Return none: tests show panels without a window around them."""
