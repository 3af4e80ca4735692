"""Rotolink for Fusion, beside the program and in Resolve's Fusion page."""
