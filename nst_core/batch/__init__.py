"""Folders of pictures, on this machine or on a Ray cluster."""
