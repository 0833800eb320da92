"""A job from pictures and settings to the finished picture."""
