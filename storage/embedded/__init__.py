"""The real PostgreSQL and Valkey from wheels, for use on one machine: the demo and the tests.

They listen on loopback with random passwords, keep what they are given (fsync on), and end with the process that
started them, also when that process is killed.
"""

from storage.embedded.folder import EmbeddedServerError, write_private
from storage.embedded.postgres import EmbeddedPostgres
from storage.embedded.process import end_with_parent
from storage.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedServerError", "EmbeddedValkey", "end_with_parent", "write_private"]
