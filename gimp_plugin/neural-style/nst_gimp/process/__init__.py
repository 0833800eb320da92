"""The engine's process: where it is, how it is started, its job folder and its commands."""
