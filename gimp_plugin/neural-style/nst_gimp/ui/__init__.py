"""The dialog and the windows."""
