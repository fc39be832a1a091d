"""The admins' command line, over the same link as the kiosks."""
