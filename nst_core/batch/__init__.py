"""Batches: folders of pictures, painted on this machine or on a Ray cluster."""
