"""`python -m vlclip`: the command `vlclip`."""

from vlclip.service.cli import main

main()
