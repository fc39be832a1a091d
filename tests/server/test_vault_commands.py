"""`attendance-hub secrets init`, as an operator types it, on a new OpenBao."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from server.__main__ import main
from server.secrets.local import utc_now
from server.secrets.vault import VaultSecrets
from server.secrets.vault_client import VaultClient
from server.secrets.vault_session import VaultLogin, VaultSession
from server.secrets.vault_setup import HUB
from storage.embedded.openbao import EmbeddedOpenBao

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()  # the program logs to a standard error that is this test's alone


async def secrets_init(url: str, wrapped: Path) -> int:
    return await asyncio.to_thread(main, ["secrets", "init", "--url", url, "--wrapped-file", str(wrapped)])


async def test_a_new_vault_is_made_ready_and_a_second_time_keeps_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await secrets_init("http://127.0.0.1:9", tmp_path / "wrapped") == 1
    assert "ATTENDANCE_VAULT_ADMIN_TOKEN is missing" in capsys.readouterr().err
    async with EmbeddedOpenBao(tmp_path / "bao") as bao:
        await bao.initialise()
        token = tmp_path / "token"
        token.write_text(bao.root_token + "\n")
        monkeypatch.setenv("ATTENDANCE_VAULT_ADMIN_TOKEN_FILE", str(token))
        assert await secrets_init(bao.url, tmp_path / "wrapped") == 1
        assert capsys.readouterr().err == "attendance-hub secrets: Vault is sealed\n"
        await bao.unseal()
        hashes = []
        for number in range(2):
            wrapped = tmp_path / f"wrapped-{number}"
            assert await secrets_init(bao.url, wrapped) == 0
            shown = capsys.readouterr()
            assert shown.err == ""
            assert stat.S_IMODE(wrapped.stat().st_mode) == 0o600
            assert wrapped.read_text().strip() not in shown.out
            assert bao.root_token not in shown.out
            role_id = shown.out.split("role id ")[1].split(",")[0]
            client = VaultClient(bao.url)
            session = VaultSession(client, VaultLogin(HUB, role_id, wrapped))
            await session.start()
            hashes.append((await VaultSecrets.open(session, clock=utc_now)).badge_hash("0A12B34C"))
            await session.stop()
            client.close()
        assert hashes[0] == hashes[1]
