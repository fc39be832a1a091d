"""The embedded OpenBao: sealed at each start, unsealed, sealed and killed, with its keys on no command line."""

import stat
from pathlib import Path

import hvac
import pytest

from storage.embedded.binaries import OPENBAO_VARIABLE
from storage.embedded.folder import EmbeddedServerError
from storage.embedded.openbao import EmbeddedOpenBao

pytestmark = pytest.mark.integration


async def test_it_starts_sealed_and_keeps_what_it_was_told_over_a_kill(tmp_path: Path) -> None:
    bao = EmbeddedOpenBao(tmp_path / "bao")
    async with bao:
        with pytest.raises(EmbeddedServerError, match="not initialised"):
            await bao.unseal()
        await bao.initialise()
        assert hvac.Client(bao.url, token="").sys.is_sealed()
        await bao.unseal()
        root = hvac.Client(bao.url, token=bao.root_token, timeout=10)
        root.sys.enable_secrets_engine("kv", path="notes", options={"version": "1"})
        root.secrets.kv.v1.create_or_update_secret("a", secret={"is": "kept"}, mount_point="notes")

        pid = bao.pid
        said = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        for name in ("root", "unseal"):
            path = tmp_path / "bao" / f"{name}.secret"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert path.read_bytes() not in said
            assert path.read_text() not in (tmp_path / "bao" / "server.log").read_text()

        await bao.seal()
        with pytest.raises(hvac.exceptions.VaultDown):
            root.secrets.kv.v1.read_secret("a", mount_point="notes")
        bao.kill()
    async with bao:
        assert root.sys.is_sealed()
        await bao.unseal()
        assert root.secrets.kv.v1.read_secret("a", mount_point="notes")["data"] == {"is": "kept"}
    assert not bao.is_running


async def test_a_program_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPENBAO_VARIABLE, str(tmp_path / "bao"))
    with pytest.raises(EmbeddedServerError, match="names no file"):
        await EmbeddedOpenBao(tmp_path / "folder").start()
