"""Styles kept under a name, and archives of them."""
