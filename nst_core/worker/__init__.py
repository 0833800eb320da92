"""The worker: the engine as a process that GIMP's plug-in starts, its protocol and its commands."""
