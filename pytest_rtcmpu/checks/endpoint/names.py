"""What the placeholders in steps stand for: names that no run used before, and a user's AppIds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_rtcmpu.checks.cases import APPS
from pytest_rtcmpu.checks.endpoint.scenarios import Step
from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.errors import CannotRun
from pytest_rtcmpu.rules.values import is_plain_string


class Names:
    """The names that are sent, for the case that is running.

    Args:
        unique: makes a name that no run used before, out of a stem.
        app_ids: what stands in the place of the cases' apps, where an endpoint knows some only.

    Attributes:
        apps: the apps whose AppId is known.

    Raises:
        CannotRun: for more AppIds than two, and for what is none.
    """

    def __init__(
        self, contract: Contract, unique: Callable[[str], str], app_ids: Sequence[str] = ()
    ) -> None:
        p = contract.parameter("AppId")
        if len(app_ids) > len(APPS) or not all(is_plain_string(p, each) for each in app_ids):
            raise CannotRun(
                f"app_ids: expected one or two AppIds, got {', '.join(map(repr, app_ids))}"
            )
        self._contract = contract
        self._unique = unique
        self._app_ids = dict(zip(APPS, app_ids, strict=False))
        self._names: dict[str, str] = {}
        self.apps: tuple[str, ...] = tuple(self._app_ids) or APPS

    def renew(self) -> None:
        """Let every placeholder stand for a new name from now on."""
        self._names = {}

    def pairs(self, step: Step) -> list[tuple[str, str]]:
        """Return a step's parameters as they are sent."""
        return [
            (name, self._app_id(step, value) if name == "AppId" else self.fill_in(value))
            for name, value in (*step.pairs, *step.also)
        ]

    def fill_in(self, value: str) -> str:
        """Return a value with what its placeholder stands for."""
        if not value.startswith("@"):
            return value
        if value.startswith("@upper:"):
            return self.fill_in(f"@{value.removeprefix('@upper:')}").upper()
        if value.startswith("@url:"):
            _, name, url = value.split(":", 2)
            return url.replace("://", f"://{self.fill_in(f'@at:{name}')}.", 1)
        if value not in self._names:
            self._names[value] = self._unique(value[1:].partition(":")[0])
        return self._names[value]

    def knows_apps(self, step: Step) -> bool:
        """Whether there is an AppId for each app that a step names."""
        return all(_app(value) in self.apps for name, value in step.pairs if name == "AppId")

    def _app_id(self, step: Step, value: str) -> str:
        known = self._app_ids.get(_app(value))
        p = self._contract.operation(step.operation).parameters_by_wire_name["AppId"]
        # What is wrong in itself stays as it is: with another text it would be right.
        is_right = value.startswith("@") or is_plain_string(p, value)
        return known if known is not None and is_right else self.fill_in(value)


def _app(value: str) -> str:
    """The app that a value stands for: the first one unless it names the second."""
    return APPS[1] if value.removeprefix("@app:") == APPS[1] else APPS[0]
