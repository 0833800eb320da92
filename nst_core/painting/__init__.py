"""One painting run: pyramid, targets, windows, memory, optimisation, progress."""
