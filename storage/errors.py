"""What storage raises, translated from the driver's errors at the repositories' edge.

```
StorageError
├── StorageUnavailable   no connection, no pool slot in time, a server that shuts down: try again later
├── StorageConflict      a deadlock or a serialization failure: the same transaction may succeed at once
├── RowRefused           the database refuses a value or a row: trying again won't help
└── MigrationRefused     the files and the database don't fit together
```
"""

from __future__ import annotations


class StorageError(Exception):
    """Root of what storage raises."""


class StorageUnavailable(StorageError):
    pass


class StorageConflict(StorageError):
    pass


class RowRefused(StorageError):
    """`constraint` is the name of what it breaks, where the database says so."""

    def __init__(self, reason: str, constraint: str | None = None) -> None:
        super().__init__(reason)
        self.constraint = constraint


class MigrationRefused(StorageError):
    pass
