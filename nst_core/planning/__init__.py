"""Estimates of a run before it starts: levels, tiles, seconds, bytes."""
