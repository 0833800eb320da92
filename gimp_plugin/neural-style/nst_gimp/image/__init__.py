"""Layers, masks and pixels of GIMP images."""
