"""How many sockets there may be, and who has to go where there are too many that said nothing."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode
from server.errors import Refused
from server.hub.crowd import Crowd, CrowdLimits
from server.telemetry.metrics import Metrics

LIMITS = CrowdLimits(of_address=6, of_account=2, unauthenticated_of_address=3, unauthenticated=5)


@dataclass(eq=False)
class Socket:
    address: str = "192.0.2.1"
    sent_away: list[bool] = field(default_factory=list)

    def make_room(self) -> None:
        self.sent_away.append(True)


def a_crowd(limits: CrowdLimits = LIMITS) -> Crowd:
    return Crowd(limits, Metrics(version="1"))


def come(crowd: Crowd, count: int, address: str = "192.0.2.1") -> list[Socket]:
    sockets = [Socket(address) for _ in range(count)]
    for socket in sockets:
        crowd.check(address)
        crowd.enter(socket)
    return sockets


def refusal(crowd: Crowd, address: str = "192.0.2.1") -> Refused:
    with pytest.raises(Refused) as caught:
        crowd.check(address)
    assert caught.value.retry_after_ms
    return caught.value


def test_the_longest_silent_one_of_an_address_makes_room() -> None:
    crowd = a_crowd()
    first, second, third = come(crowd, 3)
    come(crowd, 1)
    assert (first.sent_away, second.sent_away, third.sent_away) == ([True], [], [])
    come(crowd, 1)
    assert (first.sent_away, second.sent_away, third.sent_away) == ([True], [True], [])


def test_who_has_spoken_is_left_and_the_newcomer_is_refused() -> None:
    crowd = a_crowd()
    sockets = come(crowd, 3)
    for socket in sockets:
        crowd.spoke(socket)
    assert refusal(crowd).code is ErrorCode.RATE_LIMITED
    crowd.check("192.0.2.2")
    crowd.leave(sockets[0], None)
    crowd.check("192.0.2.1")
    assert not any(socket.sent_away for socket in sockets)


def test_of_all_addresses_together_the_longest_silent_one_makes_room() -> None:
    crowd = a_crowd()
    first, *_ = come(crowd, 2) + come(crowd, 3, "192.0.2.2")
    come(crowd, 1, "192.0.2.3")
    assert first.sent_away == [True]


def test_a_hub_full_of_clients_that_wait_for_their_verdict_is_overloaded() -> None:
    crowd = a_crowd()
    for socket in come(crowd, 2) + come(crowd, 3, "192.0.2.2"):
        crowd.spoke(socket)
    assert refusal(crowd, "192.0.2.3").code is ErrorCode.OVERLOADED


def test_an_address_and_an_account_have_limits_of_their_own() -> None:
    crowd = a_crowd()
    people = [uuid4(), uuid4(), uuid4()]
    sockets = []
    for person in people:
        for _ in range(2):
            [socket] = come(crowd, 1)
            crowd.sign_in(socket, person)
            sockets.append(socket)
    assert refusal(crowd).code is ErrorCode.RATE_LIMITED, "six sockets of one address"
    [elsewhere] = come(crowd, 1, "192.0.2.2")
    with pytest.raises(Refused) as caught:
        crowd.sign_in(elsewhere, people[0])
    assert caught.value.code is ErrorCode.RATE_LIMITED
    crowd.leave(elsewhere, None)
    crowd.leave(sockets[0], people[0])
    [again] = come(crowd, 1)
    crowd.sign_in(again, people[0])


@given(
    st.lists(st.tuples(st.sampled_from(["enter", "spoke", "sign_in", "leave"]), st.integers(0, 30), st.integers(0, 2)))
)
def test_whoever_comes_and_goes_the_counts_come_back_to_nothing(steps: list[tuple[str, int, int]]) -> None:
    crowd = a_crowd()
    people = [uuid4() for _ in range(3)]
    live: dict[Socket, UUID | None] = {}
    for act, number, other in steps:
        address = f"192.0.2.{other}"
        some = list(live)[number % len(live)] if live else None
        try:
            if act == "enter":
                crowd.check(address)
                crowd.enter(socket := Socket(address))
                live[socket] = None
            elif some is not None and act == "spoke":
                crowd.spoke(some)
            elif some is not None and act == "sign_in" and live[some] is None:
                crowd.sign_in(some, people[other])
                live[some] = people[other]
            elif some is not None and act == "leave":
                crowd.leave(some, live.pop(some))
        except Refused:
            pass
    for socket, subject in live.items():
        crowd.leave(socket, subject)
    for address in ("192.0.2.0", "192.0.2.1", "192.0.2.2"):
        crowd.check(address)
    assert [crowd._of_address, crowd._of_subject, crowd._strangers, crowd._silent, crowd._silent_of] == [{}] * 5
    assert crowd._strangers_in_all == 0
