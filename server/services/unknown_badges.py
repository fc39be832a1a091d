"""Badges that nobody has, kept encrypted for the minutes in which an administrator may assign them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from server.secrets.provider import SecretsProvider, SecretsUnavailable
from server.services.preparation import badge_place
from storage.postgres import Connection
from storage.repositories import punches


class UnknownBadges:
    def __init__(self, secrets: SecretsProvider, life: timedelta) -> None:
        self._secrets = secrets
        self._life = life

    async def keep(self, connection: Connection, badges: Sequence[tuple[UUID, UUID, str]], now: datetime) -> None:
        """Keep these (device, punch, badge); none where the keys went meanwhile: the punches come first."""
        try:
            rows = [
                (device_id, punch_id, self._secrets.encrypt(badge.encode(), badge_place(device_id, punch_id)))
                for device_id, punch_id, badge in badges
            ]
        except SecretsUnavailable:
            return
        if rows:
            await punches.keep_unknown_badges(connection, rows, seen_at=now, expires_at=now + self._life)
