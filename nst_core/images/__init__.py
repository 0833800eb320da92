"""Pictures: files, colour, alpha, resizing."""
