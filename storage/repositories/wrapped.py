"""Small ciphertexts that are kept under the key-encryption key, to be put under the next one: by pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from storage.postgres import Connection


@dataclass(frozen=True, slots=True)
class WrappedColumn:
    """Where ciphertexts are: one column of a table whose rows have a UUID. Names are this package's constants."""

    table: str
    row_id: str
    column: str

    @property
    def page_statement(self) -> str:
        """After a row (1), at most so many (2)."""
        return (
            f"SELECT {self.row_id}, {self.column} FROM {self.table} "  # noqa: S608 - constants of this module
            f"WHERE {self.row_id} > $1 AND {self.column} IS NOT NULL ORDER BY {self.row_id} LIMIT $2"
        )

    @property
    def replace_statement(self) -> str:
        """Of a row (1) the ciphertext that was read (2), unless it was changed since, by another (3)."""
        return (
            f"UPDATE {self.table} SET {self.column} = $3 "  # noqa: S608 - constants of this module
            f"WHERE {self.row_id} = $1 AND {self.column} = $2"
        )


SECOND_FACTORS: Final = WrappedColumn("accounts", "account_id", "totp_secret")
PENDING_SECOND_FACTORS: Final = WrappedColumn("accounts", "account_id", "totp_pending")
PERSON_KEYS: Final = WrappedColumn("personal_data", "employee_id", "wrapped_key")


async def page(connection: Connection, where: WrappedColumn, after: UUID, limit: int) -> list[tuple[UUID, bytes]]:
    """The next rows in the order of their ids, each with its ciphertext."""
    return [(row[0], bytes(row[1])) for row in await connection.fetch(where.page_statement, after, limit)]


async def replace(connection: Connection, where: WrappedColumn, rows: list[tuple[UUID, bytes, bytes]]) -> None:
    """(row, before, after) each; what was changed meanwhile stays as it is."""
    await connection.executemany(where.replace_statement, rows)
