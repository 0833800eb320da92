"""Optimisers for pictures: L-BFGS, Adam, a 1/f preconditioner, and storage for their vectors."""
