"""The process that GIMP starts, its protocol and its commands."""
