"""Neural style transfer by optimisation: the engine."""
