"""Kept styles: pictures with a name, a thumbnail and settings; and archives of them."""
