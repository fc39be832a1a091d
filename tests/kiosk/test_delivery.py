"""What each answer to a punch leads to, without a network."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kiosk.link.delivery import Delivery, HubLacks, SetAside, Wanted
from kiosk.outbox_rows import KeptPunch
from protocol.errors import ErrorCode
from protocol.replies import Error
from protocol.values import DeviceStatus

LOG = uuid4()


def punch(seq: int, *, after_loss: bool = False) -> KeptPunch:
    return KeptPunch(seq, LOG, seq, uuid4(), f"text {seq}", "signature", "sealed", after_loss)


def an_error(code: ErrorCode, *, retry_after_ms: int | None = None, details: dict[str, object] | None = None) -> Error:
    return Error(
        re=9, code=code, message="for people", retry=code.retry, retry_after_ms=retry_after_ms, details=details
    )


def a_delivery(*, window: int = 4) -> Delivery:
    delivery = Delivery(max_in_flight=window, retry_delay_ms=1_000, status=DeviceStatus.ACTIVE)
    delivery.clock_is_synced = True
    return delivery


def send(delivery: Delivery, *punches: KeptPunch, now_ms: int = 0) -> None:
    """As if the outbox had given these for what was wanted; the command's id is the seq."""
    wanted = delivery.wanted(now_ms)
    assert wanted is not None
    delivery.read(wanted, punches)
    for each in punches:
        delivery.sent(each.seq, each)


def test_nothing_goes_out_before_the_clock_is_measured() -> None:
    delivery = a_delivery()
    delivery.clock_is_synced = False
    assert delivery.wanted(0) is None
    delivery.clock_is_synced = True
    assert delivery.wanted(0) == Wanted(0, 4)


@pytest.mark.parametrize(
    ("status", "sends"),
    [(DeviceStatus.ACTIVE, True), (DeviceStatus.REVOKED, True), (DeviceStatus.PENDING, False)],
)
def test_who_sends(status: DeviceStatus, sends: bool) -> None:
    delivery = a_delivery()
    delivery.status = status
    assert (delivery.wanted(0) is not None) is sends


def test_the_window_is_kept_and_filled_again_as_answers_come() -> None:
    delivery = a_delivery(window=4)
    first = punch(1)
    send(delivery, first, punch(2), punch(3), punch(4))
    assert delivery.wanted(0) is None
    assert delivery.answered(1) is first
    assert delivery.wanted(0) == Wanted(4, 1)


def test_the_hubs_narrower_window_counts() -> None:
    delivery = a_delivery(window=64)
    delivery.narrow(2)
    assert delivery.wanted(0) == Wanted(0, 2)
    delivery.narrow(100)
    assert delivery.wanted(0) == Wanted(0, 2)


def test_an_empty_outbox_is_not_read_again_until_something_is_kept() -> None:
    delivery = a_delivery()
    send(delivery)
    assert delivery.wanted(0) is None
    delivery.kept_another()
    assert delivery.wanted(0) == Wanted(0, 4)


@pytest.mark.parametrize(
    "code", [ErrorCode.OVERLOADED, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL, ErrorCode.RATE_LIMITED]
)
def test_trouble_awaits_the_flight_then_begins_anew_when_the_hub_says(code: ErrorCode) -> None:
    delivery = a_delivery()
    send(delivery, punch(1), punch(2), punch(3))
    assert delivery.failed(1, an_error(code, retry_after_ms=250), 100) is None
    assert delivery.failed(2, an_error(ErrorCode.OUT_OF_ORDER, details={"expected_seq": 1}), 110) is None
    assert delivery.wanted(500) is None, "the third is still in flight"
    assert delivery.failed(3, an_error(ErrorCode.OUT_OF_ORDER, details={"expected_seq": 1}), 120) is None
    assert delivery.wanted(349) is None
    assert delivery.due_ms(200) == 350
    assert delivery.wanted(350) == Wanted(0, 4)
    assert delivery.due_ms(350) is None


def test_without_a_time_the_wait_doubles_until_something_helps() -> None:
    delivery = a_delivery()
    now_ms = 0
    waits = []
    for _ in range(8):
        send(delivery, punch(1), now_ms=now_ms)
        delivery.failed(1, an_error(ErrorCode.INTERNAL), now_ms)
        due_ms = delivery.due_ms(now_ms)
        assert due_ms is not None
        waits.append(due_ms - now_ms)
        now_ms = due_ms
    assert waits == [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
    send(delivery, punch(1), now_ms=now_ms)
    delivery.answered(1)
    delivery.kept_another()
    send(delivery, punch(2), now_ms=now_ms)
    delivery.failed(2, an_error(ErrorCode.INTERNAL), now_ms)
    assert delivery.due_ms(now_ms) == now_ms + 1000


@pytest.mark.parametrize("code", [ErrorCode.CONFLICT, ErrorCode.INVALID, ErrorCode.TOO_LARGE, ErrorCode.FORBIDDEN])
def test_what_is_never_taken_is_set_aside_and_the_rest_goes_on_at_once(code: ErrorCode) -> None:
    delivery = a_delivery()
    send(delivery, punch(1), punch(2))
    verdict = delivery.failed(1, an_error(code), 0)
    assert isinstance(verdict, SetAside)
    assert (verdict.punch.seq, verdict.code) == (1, code.value)
    assert delivery.failed(2, an_error(ErrorCode.OUT_OF_ORDER, details={"expected_seq": 1}), 0) is None, (
        "only a consequence"
    )
    assert delivery.wanted(0) == Wanted(0, 4)


def test_a_pending_terminals_punch_waits_for_the_confirmation() -> None:
    delivery = a_delivery()
    send(delivery, punch(1))
    delivery.status = DeviceStatus.PENDING
    assert delivery.failed(1, an_error(ErrorCode.FORBIDDEN), 0) is None
    assert delivery.wanted(0) is None
    delivery.status = DeviceStatus.ACTIVE
    assert delivery.wanted(0) == Wanted(0, 4)


def test_out_of_order_by_itself_means_that_the_hub_lacks_something() -> None:
    delivery = a_delivery()
    send(delivery, punch(5))
    verdict = delivery.failed(5, an_error(ErrorCode.OUT_OF_ORDER, details={"expected_seq": 3}), 0)
    assert isinstance(verdict, HubLacks)
    assert verdict.from_seq == 3
    assert delivery.wanted(0) == Wanted(0, 4)

    send(delivery, punch(5))
    assert isinstance(delivery.failed(5, an_error(ErrorCode.OUT_OF_ORDER, details={"expected_seq": 3}), 0), HubLacks)
    assert delivery.due_ms(0) == 2000, "the second time without an answer between, it takes its time"


@pytest.mark.parametrize(
    ("sent_punch", "details"),
    [
        (punch(5, after_loss=True), {"expected_seq": 3}),
        (punch(5), {"expected_seq": 6}),
        (punch(5), {}),
        (punch(5), {"expected_seq": "3"}),
    ],
)
def test_out_of_order_that_nothing_can_mend_is_set_aside(sent_punch: KeptPunch, details: dict[str, object]) -> None:
    delivery = a_delivery()
    send(delivery, sent_punch)
    verdict = delivery.failed(5, an_error(ErrorCode.OUT_OF_ORDER, details=details), 0)
    assert isinstance(verdict, SetAside)
    assert verdict.code == "out_of_order"


@pytest.mark.parametrize("code", [ErrorCode.UNKNOWN_COMMAND, ErrorCode.EXPIRED, ErrorCode.NOT_FOUND])
def test_what_is_not_about_the_punch_is_tried_again(code: ErrorCode) -> None:
    delivery = a_delivery()
    send(delivery, punch(1))
    assert delivery.failed(1, an_error(code), 0) is None
    assert delivery.wanted(999) is None
    assert delivery.wanted(1000) == Wanted(0, 4)


def test_an_answer_to_nothing_is_nothing() -> None:
    delivery = a_delivery()
    assert delivery.answered(7) is None
    assert delivery.failed(7, an_error(ErrorCode.CONFLICT), 0) is None
    assert delivery.wanted(0) == Wanted(0, 4)
