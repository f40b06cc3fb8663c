"""Running Hypothesis outside a test: look for broken clauses, one minimal example of each."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.errors import Flaky

#: How many different clauses one phase shrinks an example for; further ones are kept unshrunk.
MAX_SHRUNK = 5


#: How many steps a state machine makes at most.
STEPS = 20
#: Seconds that shrinking one example may take: a smaller one is nice to have.
SHRINK_SECONDS = 10.0


class Enough(BaseException):
    """Ends Hypothesis in the middle of shrinking; not an Exception, so that it lets it through."""


class Broke(AssertionError):
    """Raised inside an example that broke a clause nobody has seen broken in this phase."""


def make_settings(max_examples: int, *, stateful_step_count: int = STEPS) -> settings:
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


def hunt(run: Callable[[], object], shrunk: Callable[[], None]) -> None:
    """Run a Hypothesis test again and again until it finds nothing new.

    Args:
        run: raises :class:`Broke` for a clause that has not been settled, and :class:`Enough` when
            shrinking has taken long enough; the last example that broke is the plainest found.
        shrunk: called when an example has been found; settles its clause.
    """
    for _ in range(MAX_SHRUNK):
        try:
            run()
        except (Broke, Flaky, Enough):
            # A client that fails only now and then is flaky to Hypothesis, and broken to us.
            shrunk()
        else:
            return


__all__ = ["SHRINK_SECONDS", "Broke", "Enough", "hunt", "make_settings", "seed"]
