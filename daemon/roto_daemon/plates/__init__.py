"""Plates in and mattes out: image sequences, movies and uploaded frames; mattes, previews and contact sheets."""
