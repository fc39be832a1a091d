from prometheus_client.parser import text_string_to_metric_families

from protocol.errors import CloseCode, ErrorCode
from protocol.values import Outcome, Reason, Role
from server.telemetry.metrics import Healed, LoginResult, Metrics, RefreshResult
from storage.live_channel import Loss


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def test_what_happens_is_counted() -> None:
    metrics = Metrics(version="1.2.3")
    metrics.connected(Role.KIOSK)
    metrics.connected(Role.KIOSK)
    metrics.disconnected(Role.KIOSK)
    metrics.punch(Outcome.RECORDED, None)
    metrics.punch(Outcome.HELD, Reason.CLOCK_UNKNOWN)
    metrics.punch_repeated()
    metrics.journal_conflict()
    metrics.command_error(ErrorCode.NOT_FOUND)
    metrics.closed(CloseCode.SLOW)
    metrics.committed(punches=3, seconds=0.02)
    metrics.ingest_depth.set(7)
    metrics.hole_healed(Healed.OFFSET)
    metrics.bell_lost(Loss.SILENT)
    metrics.bell_heard(lag_seconds=-0.001)
    metrics.pushed(pushes=5, coalesced=4, collapsed=2)
    metrics.login(LoginResult.REFUSED)
    metrics.refresh(RefreshResult.REUSED)
    assert value(metrics, "hub_info", version="1.2.3") == 1
    assert value(metrics, "hub_connections", role="kiosk") == 1
    assert value(metrics, "hub_connections", role="admin") == 0
    assert value(metrics, "hub_punches_total", outcome="recorded", reason="none") == 1
    assert value(metrics, "hub_punches_total", outcome="held", reason="clock_unknown") == 1
    assert value(metrics, "hub_punches_repeated_total") == 1
    assert value(metrics, "hub_journal_conflicts_total") == 1
    assert value(metrics, "hub_command_errors_total", code="not_found") == 1
    assert value(metrics, "hub_closes_total", code="3008") == 1
    assert value(metrics, "hub_commit_seconds_count") == 1
    assert value(metrics, "hub_batch_punches_sum") == 3
    assert value(metrics, "hub_ingest_depth") == 7
    assert value(metrics, "hub_holes_healed_total", kind="offset") == 1
    assert value(metrics, "hub_bell_losses_total", cause="silent") == 1
    assert value(metrics, "hub_bell_losses_total", cause="closed") == 0
    assert value(metrics, "hub_bell_lag_seconds_sum") == 0
    assert value(metrics, "hub_pushes_total") == 5
    assert value(metrics, "hub_pushes_coalesced_total") == 4
    assert value(metrics, "hub_pushes_collapsed_total") == 2
    assert value(metrics, "hub_logins_total", result="refused") == 1
    assert value(metrics, "hub_token_refreshes_total", result="reused") == 1


def test_two_hubs_in_one_process_count_apart() -> None:
    first, second = Metrics(version="1"), Metrics(version="1")
    first.punch_repeated()
    assert value(second, "hub_punches_repeated_total") == 0


def test_what_scrapes_us_finds_the_process_too() -> None:
    names = {name for name, _ in samples(Metrics(version="1"))}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes"} <= names
