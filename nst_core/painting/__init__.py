"""One run of the optimisation: pyramid, targets, windows, memory, progress."""
