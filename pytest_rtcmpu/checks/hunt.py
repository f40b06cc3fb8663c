"""Running Hypothesis outside a test: look for broken clauses, one minimal example of each."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.errors import Flaky, HypothesisException

#: How many different clauses one phase shrinks an example for; further ones are kept unshrunk.
MOST_SHRUNK = 5


class Broke(AssertionError):
    """Raised inside an example that broke a clause nobody has seen broken in this phase."""


def make_settings(max_examples: int, *, stateful_step_count: int = 20) -> settings:
    """Return settings that leave nothing behind and find again what they found."""
    return settings(
        max_examples=max_examples,
        stateful_step_count=stateful_step_count,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def hunt(run: Callable[[], object], *, number: int, shrunk: Callable[[], None]) -> None:
    """Run a Hypothesis test again and again until it finds nothing new.

    run: raises :class:`Broke` for a clause that has not been settled; what Hypothesis ran last is
        its minimal example.
    number: the seed.
    shrunk: called when a minimal example has been found; settles its clause.
    """
    del number
    for _ in range(MOST_SHRUNK):
        try:
            run()
        except (Broke, Flaky):
            # A client that fails only now and then is flaky to Hypothesis, and broken to us.
            shrunk()
        except HypothesisException:
            raise
        else:
            return


__all__ = ["MOST_SHRUNK", "Broke", "hunt", "make_settings", "seed"]
