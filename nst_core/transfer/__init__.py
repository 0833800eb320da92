"""The method: objective, optimizers, pyramid, run."""
