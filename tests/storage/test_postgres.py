"""Which faults of the database pass by themselves, and which are the row's own."""

import asyncpg
import pytest

from storage.errors import RowRefused, StorageConflict, StorageError, StorageUnavailable
from storage.postgres import translated


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (asyncpg.DeadlockDetectedError, StorageConflict),
        (asyncpg.SerializationError, StorageConflict),
        (asyncpg.NumericValueOutOfRangeError, RowRefused),
        (asyncpg.CharacterNotInRepertoireError, RowRefused),
        (asyncpg.UniqueViolationError, RowRefused),
        (asyncpg.CheckViolationError, RowRefused),
        (asyncpg.CannotConnectNowError, StorageUnavailable),
        (asyncpg.CrashShutdownError, StorageUnavailable),
        (asyncpg.InvalidCatalogNameError, StorageUnavailable),
        (asyncpg.InvalidPasswordError, StorageUnavailable),
        (asyncpg.TooManyConnectionsError, StorageUnavailable),
        (asyncpg.DiskFullError, StorageUnavailable),
        (asyncpg.PostgresIOError, StorageUnavailable),
        (asyncpg.DataCorruptedError, StorageUnavailable),
        (asyncpg.ObjectNotInPrerequisiteStateError, StorageUnavailable),
        (asyncpg.InterfaceError, StorageUnavailable),
        (ConnectionResetError, StorageUnavailable),
        (TimeoutError, StorageUnavailable),
    ],
)
def test_faults_are_told_apart(fault: type[Exception], expected: type[StorageError]) -> None:
    with pytest.raises(expected) as raised, translated():
        raise fault("told by the driver")
    assert "driver" not in str(raised.value), "the driver's words may hold values"


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(asyncpg.UndefinedColumnError), translated():
        raise asyncpg.UndefinedColumnError("no such column")
