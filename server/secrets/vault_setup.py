"""What must stand in Vault before a hub can use it: engines, keys, policies and roles. Every step may be repeated."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from server.secrets.private_files import replace_private
from server.secrets.vault_client import VaultClient, part, read, text_part
from server.secrets.vault_session import APPROLE, VaultLogin

KV: Final = "attendance"
"""Where the KV engine (version 2) is mounted; the policies name it too."""
TRANSIT: Final = "attendance-transit"
KEYRING: Final = "keyring"
"""In KV: the keys as a document. In Transit: the key that wraps each of them."""
SIGNING: Final = "signing"
"""In Transit: signs the document."""
PIN: Final = "pin"
"""In Transit: hashes PINs; its versions are the peppers."""
HUB: Final = "attendance-hub"
ROTATOR: Final = "attendance-rotator"
_POLICIES: Final = {HUB: "hub.hcl", ROTATOR: "rotator.hcl"}
_TRANSIT_KEYS: Final = {KEYRING: "aes256-gcm96", SIGNING: "ed25519", PIN: "aes256-gcm96"}


async def initialise(
    client: VaultClient, admin_token: str, *, token_minutes: float = 20.0, token_max_hours: float = 24.0
) -> None:
    """Make what isn't there yet, and bring policies and roles to what this version needs. It makes no keyring.

    Args:
        client: of an unsealed Vault.
        admin_token: of somebody who may do all that; it is used and forgotten.
        token_minutes: a hub's token lives, unless it is renewed.
        token_max_hours: a token lives at most, however often it is renewed.

    Raises:
        VaultFault: Vault is away, or this token may not.
    """

    async def write(path: str, data: dict[str, Any]) -> None:
        await client.ask(admin_token, lambda vault: vault.write_data(path, data=data))

    mounts = part(await client.ask(admin_token, read("sys/mounts")), "data")
    if f"{KV}/" not in mounts:
        await write(f"sys/mounts/{KV}", {"type": "kv", "options": {"version": "2"}})
    if f"{TRANSIT}/" not in mounts:
        await write(f"sys/mounts/{TRANSIT}", {"type": "transit"})
    methods = part(await client.ask(admin_token, read("sys/auth")), "data")
    if f"{APPROLE}/" not in methods:
        await write(f"sys/auth/{APPROLE}", {"type": "approle"})
    for key, kind in _TRANSIT_KEYS.items():
        await write(f"{TRANSIT}/keys/{key}", {"type": kind})  # one that is there stays as it is
    # Versions before the newest are of no use to whoever finds an old document; superseded ones still open it.
    await write(f"{KV}/config", {"max_versions": 10, "cas_required": True})
    for role, file in _POLICIES.items():
        policy = files("server").joinpath("ops", "vault", file).read_text("utf-8")
        await write(f"sys/policies/acl/{role}", {"policy": policy})
        await write(
            f"auth/{APPROLE}/role/{role}",
            {
                "token_policies": [role],
                "token_no_default_policy": True,
                "token_ttl": f"{token_minutes * 60:.0f}s",
                "token_max_ttl": f"{token_max_hours * 3_600:.0f}s",
                "secret_id_num_uses": 1,
                "bind_secret_id": True,
            },
        )


async def hand_out(
    client: VaultClient, admin_token: str, role: str, wrapped_file: Path, *, wrap_hours: float = 168.0
) -> VaultLogin:
    """With what a hub (or a rotator) logs in for the first time; the wrapped secret id is written to its file (0600).

    Each process needs a file of its own: what is in it serves once.

    Raises:
        SecretsUnavailable: Vault is away, denies it, or the file can't be written.
    """
    found = await client.ask(admin_token, read(f"auth/{APPROLE}/role/{role}/role-id"))
    role_id = text_part(found, "data", "role_id")
    made = await client.ask(
        admin_token,
        lambda vault: vault.write_data(
            f"auth/{APPROLE}/role/{role}/secret-id", data={}, wrap_ttl=f"{wrap_hours * 3_600:.0f}s"
        ),
    )
    replace_private(wrapped_file, text_part(made, "wrap_info", "token"), "the wrapped secret id")
    return VaultLogin(role, role_id, wrapped_file, wrap_hours)
