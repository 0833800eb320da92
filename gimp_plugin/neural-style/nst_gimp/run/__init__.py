"""One run of the filter, from arguments to the new layer."""
