"""The engine's process: its location, its start, its job folder and its commands."""
