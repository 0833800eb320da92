"""Diagnostics: what is installed, what a run would use, and problems with their remedies."""
