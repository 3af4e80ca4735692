"""Rendering from scripts."""

from silhouette_program import Renderer

__all__ = ["Renderer"]
