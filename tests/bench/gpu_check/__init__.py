"""The parts of ``python -m tests.bench.gpu``."""
