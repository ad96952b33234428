"""What can go wrong with backups. Every message says what to do next.

VlclipError
└── BackupError     a backup cannot be made, read or restored
"""

from __future__ import annotations

from vlclip.engine.errors import VlclipError


class BackupError(VlclipError):
    """A backup cannot be made, read or restored."""

    code = "backup-error"
