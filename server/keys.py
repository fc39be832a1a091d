"""What an aiohttp application carries, by typed key; filled in one place, the composition root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from server.commands.registry import Commands
from server.hub.connections import Connections
from server.hub.context import HubContext
from server.secrets.provider import SecretsProvider
from server.services.accounts import Accounts
from server.settings import Settings
from server.telemetry.health import Health
from server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from server.api.doorstep import Doorstep  # which asks for its key

SETTINGS: Final = web.AppKey("settings", Settings)
SECRETS: Final[web.AppKey[SecretsProvider]] = web.AppKey("secrets")
ACCOUNTS: Final = web.AppKey("accounts", Accounts)
METRICS: Final = web.AppKey("metrics", Metrics)
HEALTH: Final = web.AppKey("health", Health)
HUB: Final = web.AppKey("hub", HubContext)
CONNECTIONS: Final = web.AppKey("connections", Connections)
DOORSTEP: Final[web.AppKey[Doorstep]] = web.AppKey("doorstep")
COMMANDS: Final = web.AppKey("commands", Commands)
