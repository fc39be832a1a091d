"""Whose a sampled stack is, and what shares come of it."""

from pathlib import Path

import pytest

from tests.benchmarks.shares import INTERPRETER, KERNEL, owner, shares, table, told

LOOP = "main (server/__main__.py:47);Runner.run (asyncio/runners.py:118);uv_run (core.c:464)"
OPENED = "_bootstrap (threading.py:1);Preparation.open (server/services/preparation.py:1);open_sealed (nothing.py:65)"


@pytest.mark.parametrize(
    ("stack", "whose"),
    [
        (f"{LOOP};epoll_pwait (libc.so.6)", None),
        ("_worker (thread.py:81);PyThread_acquire_lock_timed (libpython3.11.so.1.0);0x7f (libc.so.6)", None),
        (f"{LOOP};UVStream__try_write (loop.c:106818);write (libc.so.6)", KERNEL),
        (f"{LOOP};UVStream__try_write (loop.c:106818)", "the event loop"),
        (f"{OPENED};0x7f62 (_rust.abi3.so)", "crypto"),
        (f"{OPENED};PyObject_Malloc (libpython3.11.so.1.0)", "own code"),
        (
            "record (server/a.py:1);execute (asyncpg/connection.py:380);encode (pgproto.c:1);memcpy (libc.so.6)",
            "asyncpg",
        ),
        (
            "hear (storage/live_channel.py:1);get_message (redis/asyncio/client.py:1);reply (read.c:846)",
            "Redis' client",
        ),
        ("_worker (thread.py:81);PyObject_Free (libpython3.11.so.1.0)", INTERPRETER),
    ],
)
def test_a_stack_is_the_innermost_ones_who_is_known_unless_it_waits(stack: str, whose: str | None) -> None:
    assert owner(stack) == whose


def test_shares_are_of_what_did_not_wait(tmp_path: Path) -> None:
    profile = tmp_path / "profile.txt"
    profile.write_text(f"{LOOP};epoll_pwait (libc.so.6) 90\n{OPENED} 6\n{LOOP};write (libc.so.6) 2\n{OPENED} 2\n")
    assert shares(profile) == {"own code": 0.8, KERNEL: 0.2}
    assert told(shares(profile)) == f"own code 80%, {KERNEL} 20%"
    assert "| punches | 80.0% | 20.0% |" in table({"punches": shares(profile)})


def test_where_nothing_could_be_sampled_nothing_is_told(tmp_path: Path) -> None:
    assert (shares(tmp_path / "none"), told({})) == ({}, "")
