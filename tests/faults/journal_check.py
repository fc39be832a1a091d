"""What PostgreSQL holds of the kiosks' journals, and whether boards are what it adds up to."""

from tests.contract.connection import connect_person
from tests.faults.database import as_reader
from tests.faults.sending_kiosk import SendingKiosk
from tests.running_hub import RunningDemo

# Written from the page alone: who is where follows from the recorded punches that aren't a repetition of another.
WHO_IS_WHERE = """
SELECT DISTINCT ON (employee_id) employee_id::text,
       CASE kind WHEN 'out' THEN 'out' WHEN 'break_start' THEN 'break' ELSE 'in' END AS status,
       CASE kind WHEN 'out' THEN NULL ELSE site_id::text END AS at_site_id
FROM punches
WHERE outcome = 'recorded' AND reason IS DISTINCT FROM 'debounced'
ORDER BY employee_id, occurred_at DESC
"""


async def recorded_once_and_in_order(demo: RunningDemo, kiosks: list[SendingKiosk]) -> None:
    """Raises AssertionError unless every punch is a row of its own, in order, as its kiosk was told."""
    async with as_reader(demo) as database:
        for kiosk in kiosks:
            rows = await database.fetch(
                "SELECT seq, punch_id::text, signed_text, outcome, reason, kind FROM punches"
                " WHERE device_id = $1 AND log_id = $2"
                " ORDER BY recorded_at, seq",
                kiosk.device.device_id,
                kiosk.punches[0].members["log_id"],
            )
            assert [row["seq"] for row in rows] == list(range(1, len(kiosk.punches) + 1))
            for row, punch, answers in zip(rows, kiosk.punches, kiosk.answers, strict=True):
                assert (row["punch_id"], row["signed_text"]) == (punch.punch_id, punch.text)
                answer = answers[0]
                assert (row["outcome"], row["reason"], row["kind"]) == (
                    answer["outcome"],
                    answer["reason"],
                    answer["kind"],
                )


async def board_equals_log(demo: RunningDemo, ws_url: str, token: str) -> None:
    """Raises AssertionError unless a fresh state of every site is what the punches add up to."""
    async with as_reader(demo) as database:
        log = {row["employee_id"]: (row["status"], row["at_site_id"]) for row in await database.fetch(WHO_IS_WHERE)}
    async with connect_person(ws_url, token) as connection:
        board = await connection.watch()
    for site in demo.file.sites:
        shown = {
            person["employee_id"]: (person["status"], person["at_site_id"])
            for person in board.sites[site.site_id].people.values()
        }
        home = {employee.employee_id for employee in demo.file.employees if employee.site_id == site.site_id}
        expected = {
            employee_id: log.get(employee_id, ("out", None))
            for employee_id in home | {person for person, (_, at) in log.items() if at == site.site_id}
        }
        assert {key: value for key, value in shown.items() if key in expected} == expected
        extra = {key: value for key, value in shown.items() if key not in expected}
        assert all(value == ("out", None) for value in extra.values()), "only people who aren't in demo.json"
