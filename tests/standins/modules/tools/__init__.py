"""Silhouette's package of helpers."""
