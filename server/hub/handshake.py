"""Hello, auth, welcome: from a socket to somebody. Everything that can be wrong here ends in one close code."""

from __future__ import annotations

import secrets
from typing import assert_never
from uuid import UUID

from protocol import replies
from protocol.codec import decode_command, read_envelope
from protocol.commands import Auth
from protocol.errors import CloseCode, ErrorCode, Invalid, Malformed, UnknownCommand
from protocol.events import Hello
from protocol.values import MAX_FRAME_BYTES_BEFORE_AUTH, DeviceStatus, Language, format_time, to_binary
from server.errors import Refused
from server.hub.caller import Caller, Kiosk, Someone
from server.hub.context import HubContext
from server.rules.permissions import Scope
from server.services.device_assertion import claimed_device, is_device_assertion, verify_assertion
from storage.errors import StorageError


class Rejected(Exception):
    """The handshake is over: `error` is said first (with `re`, where the message had an id), then `code`."""

    def __init__(self, code: CloseCode, error: Exception | None = None, re: int | None = None) -> None:
        super().__init__(code.name)
        self.code = code
        self.error = error
        self.re = re


def hello(context: HubContext) -> Hello:
    """A fresh greeting; its nonce is what a kiosk signs."""
    return Hello(
        hub_id=context.hub_id,
        nonce=to_binary(secrets.token_bytes(32)),
        server_time=format_time(context.clock()),
        auth_timeout_seconds=int(context.settings.auth_timeout_seconds),
    )


def read_auth(text: str) -> Auth:
    """The first message; raises Rejected for anything but a well-formed `auth`."""
    if len(text.encode()) > MAX_FRAME_BYTES_BEFORE_AUTH:
        raise Rejected(CloseCode.TOO_BIG)
    try:
        envelope = read_envelope(text)
    except Malformed as fault:
        raise Rejected(CloseCode.NOT_ALLOWED, fault) from None
    refusal = Refused(ErrorCode.UNAUTHENTICATED, "not a well-formed auth")
    try:
        command = decode_command(envelope)
    except (UnknownCommand, Invalid):
        raise Rejected(CloseCode.NOT_ALLOWED, refusal, envelope.id) from None
    if not isinstance(command, Auth):
        raise Rejected(CloseCode.NOT_ALLOWED, refusal, envelope.id)
    return command


def language_of(auth: Auth) -> Language:
    return Language.ES if auth.lang == Language.ES else Language.EN


async def authenticate(context: HubContext, auth: Auth, nonce: str) -> Caller:
    """Who shows this token; raises Rejected."""
    try:
        if is_device_assertion(auth.token):
            return await _kiosk(context, auth.token, nonce)
        principal = await context.accounts.authenticate(auth.token)
    except Refused as refusal:
        raise Rejected(CloseCode.NOT_ALLOWED, refusal, auth.id) from None
    except StorageError as fault:
        # Not their fault: they may come back.
        raise Rejected(CloseCode.DRAINING, fault, auth.id) from None
    return Someone(principal.session, principal.expires_at)


async def _kiosk(context: HubContext, token: str, nonce: str) -> Kiosk:
    device = await context.kiosks.find(claimed_device(token))
    if device is None:
        raise Refused(ErrorCode.UNAUTHENTICATED, "unknown device")
    verify_assertion(
        token,
        device.public_key,
        nonce=nonce,
        now=context.clock(),
        leeway_seconds=context.settings.assertion_leeway_seconds,
    )
    if device.status is not DeviceStatus.REVOKED:
        await context.kiosks.welcomed(device.device_id)
    state = await context.kiosks.state(device)
    return Kiosk(device.device_id, device.public_key, state, former_keys=device.former_keys)


def welcome(context: HubContext, caller: Caller, *, re: int, connection_id: UUID) -> replies.Welcome:
    """The answer to `auth`. A kiosk's session is its connection, and its scope its own site."""
    until: str | None = None
    device: replies.DeviceState | None = None
    match caller:
        case Someone(session=session):
            session_id, scope, until = session.session_id, session.scope, format_time(caller.expires_at)
        case Kiosk():
            device = caller.state
            session_id, scope = connection_id, Scope.of([device.site_id], None)
        case _:
            assert_never(caller)
    return replies.Welcome(
        re=re,
        session_id=session_id,
        role=caller.role,
        subject=str(caller.subject),
        scope=replies.Scope(
            site_ids=None if scope.site_ids is None else sorted(scope.site_ids),
            department_ids=None if scope.department_ids is None else sorted(scope.department_ids),
        ),
        expires_at=until,
        limits=context.limits,
        server_time=format_time(context.clock()),
        device=device,
    )
