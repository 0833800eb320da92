"""Exact loss and gradient of a large picture, computed tile by tile."""
