"""Compositions. Each takes a sheet and a palette (a ramp for each material) and returns a scene."""
