"""A real OpenBao for a module, set up for hubs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.secrets import vault_setup
from server.secrets.vault_client import VaultClient
from storage.embedded.openbao import EmbeddedOpenBao


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bao(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedOpenBao]:
    """Unsealed and set up; a module may name TOKEN_SECONDS and MAX_TOKEN_SECONDS, a token's life."""
    async with EmbeddedOpenBao(tmp_path_factory.mktemp("openbao") / "bao") as server:
        await server.initialise()
        await server.unseal()
        client = VaultClient(server.url)
        await vault_setup.initialise(
            client,
            server.root_token,
            token_minutes=getattr(request.module, "TOKEN_SECONDS", 1_200) / 60,
            token_max_hours=getattr(request.module, "MAX_TOKEN_SECONDS", 3_600) / 3_600,
        )
        client.close()
        yield server
