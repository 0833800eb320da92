"""A judge of painted pictures by networks and statistics that no run optimises: see ``__main__.py``."""
