"""Who acts is what they are at that moment, whatever their connection has heard, on a real PostgreSQL."""

import pytest

from protocol.accounts import AccountScope
from protocol.errors import ErrorCode
from server.errors import Refused
from server.services.acts import Actor
from tests.server.services.bureau import PASSWORD, Bureau, an_update

pytestmark = pytest.mark.integration


async def refused(bureau: Bureau, actor: Actor) -> ErrorCode:
    """What a new account of an actor is refused with; it isn't made, and nobody is told that it was."""
    with pytest.raises(Refused) as caught:
        await bureau.create(actor, username="sleeper", scope=AccountScope(site_ids=[bureau.site(0)]))
    assert await bureau.owner.fetchval("SELECT count(*) FROM accounts WHERE username = 'sleeper'") == 0
    assert "account.create" not in [entry["action"] for entry in await bureau.audited()]
    return caught.value.code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refresh_families SET ended_at = now(), end_reason = 'revoked' WHERE account_id = $1",
        "UPDATE refresh_families SET created_at = '2000-01-01', expires_at = now() WHERE account_id = $1",
        "UPDATE accounts SET disabled_at = now() WHERE account_id = $1",
    ],
)
async def test_whoever_was_sent_away_a_moment_ago_acts_no_more(bureau: Bureau, statement: str) -> None:
    await bureau.owner.execute(statement, bureau.chief.account_id)
    assert await refused(bureau, bureau.chief) is ErrorCode.UNAUTHENTICATED


async def test_whoever_was_demoted_a_moment_ago_may_not(bureau: Bureau) -> None:
    assert bureau.chief.account_id is not None
    await bureau.admin.update(bureau.deputy, an_update(bureau.chief.account_id, role="supervisor"))
    assert await refused(bureau, bureau.chief) is ErrorCode.FORBIDDEN


async def test_whoever_was_narrowed_a_moment_ago_is_asked_to_try_again(bureau: Bureau) -> None:
    await bureau.owner.execute(
        "UPDATE accounts SET site_ids = $2 WHERE account_id = $1", bureau.chief.account_id, [bureau.site(0)]
    )
    assert await refused(bureau, bureau.chief) is ErrorCode.UNAVAILABLE


async def test_a_login_that_began_before_a_second_factor_was_set_ends_without_a_session(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await bureau.add("ana", site_ids=[bureau.site(0)])
    verify = bureau.accounts._hashes.verify

    async def promoted_meanwhile(stored: str | None, secret: bytes) -> bool:
        await bureau.admin.update(bureau.chief, an_update(account.account_id, role="admin"))
        return await verify(stored, secret)

    monkeypatch.setattr(bureau.accounts._hashes, "verify", promoted_meanwhile)
    with pytest.raises(Refused) as caught:
        await bureau.accounts.login("ana", PASSWORD, None)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert await bureau.live(account.account_id) == set()
