"""Jobs: what to paint, how its pictures are prepared, and how the result is finished."""
