"""Rotolink inside Silhouette."""
