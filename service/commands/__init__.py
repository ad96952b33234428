"""One file per command of `vlclip`."""
