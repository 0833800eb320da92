"""Test cases that run inside GIMP's Python. Importable without gi, so that pytest can list them."""
