import asyncio
import threading
from collections.abc import Iterator

import pytest

from protocol.errors import ErrorCode
from server.errors import Refused
from server.services.hashing import SlowHashes


@pytest.fixture
def hashes() -> Iterator[SlowHashes]:
    made = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=2)
    yield made
    made.close()


async def test_a_secret_verifies_and_no_other(hashes: SlowHashes) -> None:
    stored = await hashes.hash(b"correct horse")
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert stored != await hashes.hash(b"correct horse")
    assert await hashes.verify(stored, b"correct horse")
    assert not await hashes.verify(stored, b"incorrect")
    assert not await hashes.verify("no hash at all", b"correct horse")


class WatchedHasher:
    """Accepts every secret and notes what it was compared with; `hash` waits for the gate."""

    def __init__(self) -> None:
        self.compared_with: list[str] = []
        self.gate = threading.Event()

    def verify(self, stored: str, _secret: bytes) -> bool:
        self.compared_with.append(stored)
        return True

    def hash(self, _secret: bytes) -> str:
        return str(self.gate.wait(10))


async def test_an_unknown_name_costs_the_same_work_and_is_false(
    hashes: SlowHashes, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = WatchedHasher()
    monkeypatch.setattr(hashes, "_hasher", watched)
    assert not await hashes.verify(None, b"anything")
    assert watched.compared_with == [hashes._decoy]
    assert hashes._decoy.startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_the_queue_is_bounded_and_a_place_comes_back(hashes: SlowHashes, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = WatchedHasher()
    monkeypatch.setattr(hashes, "_hasher", watched)
    waiting = [asyncio.create_task(hashes.hash(b"x")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Refused) as caught:
        await hashes.hash(b"one too many")
    assert caught.value.code is ErrorCode.OVERLOADED
    assert caught.value.retry_after_ms
    # Whoever gives up frees nothing: the thread still works.
    waiting[0].cancel()
    await asyncio.sleep(0.01)
    with pytest.raises(Refused):
        await hashes.hash(b"still too many")
    watched.gate.set()
    await asyncio.gather(*waiting[1:])
    await asyncio.sleep(0.01)
    assert await hashes.hash(b"room again") == "True"
