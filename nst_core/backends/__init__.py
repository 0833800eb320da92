"""Where a loss and its gradient are computed."""
