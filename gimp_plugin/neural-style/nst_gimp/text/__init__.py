"""Messages, translations and help pages."""
