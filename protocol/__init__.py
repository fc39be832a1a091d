"""The wire contract `attendance.v1` as types: what a hub and its clients say to each other.

Standard library, msgspec and cryptography only; nothing here opens a socket, reads a clock or a disk.
"""

SUBPROTOCOL = "attendance.v1"
"""WebSocket subprotocol, the version of the contract, and the prefix of everything signed or sealed."""
