"""Picture files, colour, alpha and resizing."""
