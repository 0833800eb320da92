"""Films: frames that are painted one after another, so that strokes move with what they show."""
