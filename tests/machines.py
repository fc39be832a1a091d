"""How long state machines run: some seconds in every run, and as long as a profile of Hypothesis says."""

from typing import Final

from hypothesis import HealthCheck, settings

LONG: Final = "long"
_USUAL_EXAMPLES: Final = 100
_LONG_FACTOR: Final = 20

settings.register_profile(LONG, max_examples=_USUAL_EXAMPLES * _LONG_FACTOR)


def machine_settings(*, examples: int, steps: int) -> settings:
    """`examples` in a usual run, twenty times as many with `--hypothesis-profile long`."""
    return settings(
        max_examples=examples * settings().max_examples // _USUAL_EXAMPLES,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
