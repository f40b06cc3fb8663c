"""An independent endpoint of every operation, for one edition; the documentation is its source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from time import time
from typing import Any
from xml.sax.saxutils import escape

from .editions import (
    LAYOUTS_OF,
    OPERATIONS,
    Edition,
    Judgement,
    Problem,
    items,
    judgement,
)
from .endpoint import (
    ROWS,
    Incoming,
    IndependentEndpoint,
    Pair,
    Pairs,
    Refusal,
    Reply,
    Row,
    Rules,
)

NOT_FOUND = "InvalidTask.NotFound"
EVERY_ROW: Mapping[str, Row] = {
    **ROWS,
    NOT_FOUND: Row(NOT_FOUND, 404, "the specified task is not existed."),
}
WAITING, RUNNING, STOPPED_BY_USER = 0, 1, 3
STATUSES: Mapping[Edition, range] = {"2019-05": range(4), "2021-03": range(7)}
REST = 10  # "任务停止10S之内，禁止使用同一个StreamURL"
FIRST_OWN_LAYOUT = 10001
PANE_INTEGERS = ("PaneId", "MajorPane", "ZOrder")
PANE_FLOATS = ("X", "Y", "Width", "Height")

TaskKey = tuple[str, str]


@dataclass(kw_only=True)
class Task:
    """A task that was started; 0 and 1 are the statuses of one that still runs."""

    key: TaskKey
    stream_url: str
    status: int = WAITING
    # the pairs of the last UpdateMPULayout that took effect
    update: Pairs = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Say whether the task waits or runs."""
        return self.status in (WAITING, RUNNING)


@dataclass(kw_only=True)
class Layout:
    """A layout that a user made."""

    name: str
    mix_count: str
    panes: list[dict[str, str]]


class EditionEndpoint(IndependentEndpoint):
    """The older endpoint's envelope and signatures around an edition's operations.

    Every answer has a judgement beside it: `answer` returns both, `judgements` keeps them.
    """

    def __init__(
        self,
        *,
        edition: Edition = "2019-05",
        actions: Collection[str] | None = None,
        secrets: Mapping[str, str] | None = None,
        disabled: Collection[str] = (),
        layouts: Mapping[int, int | None] | Collection[int] = (),
        now: Callable[[], float] = time,
        rules: Rules | None = None,
        wrapped_lists: bool = False,
    ) -> None:
        """Choose the edition, its operations (all by default), keys, layouts, a clock.

        `layouts` are every app's; a mapping says how many panes each has. `wrapped_lists` answers
        DescribeMPULayoutInfoList as published clients expect it, not as its page prints it.
        """
        super().__init__(
            secrets=secrets,
            disabled=disabled,
            layouts=tuple(layouts),
            now=now,
            rules=rules or Rules(rows=EVERY_ROW),
        )
        self.edition: Edition = edition
        self.actions = frozenset(OPERATIONS[edition] if actions is None else actions)
        self.registered: dict[int, int | None] = (
            dict(layouts) if isinstance(layouts, Mapping) else dict.fromkeys(layouts)
        )
        self.wrapped_lists = wrapped_lists
        self.started: dict[TaskKey, Task] = {}
        self.freed: dict[str, float] = {}
        self.made: dict[str, dict[int, Layout]] = {}
        self.last_layout = FIRST_OWN_LAYOUT - 1
        self.judgements: list[Judgement] = []

    # -- what a test asks and sets -----------------------------------------------------------

    def status(self, app_id: str, task_id: str) -> int | None:
        """Return a task's status, None for a task that was never started."""
        task = self.started.get((app_id, task_id))
        return None if task is None else task.status

    def set_status(self, app_id: str, task_id: str, status: int) -> None:
        """Let a started task come to one of the edition's statuses."""
        if status not in STATUSES[self.edition]:
            raise ValueError(f"{self.edition} has no status {status}")
        with self.lock:
            self.become(self.started[app_id, task_id], status)

    def own_layouts_of(self, app_id: str) -> dict[int, int | None]:
        """Return an app's own layouts, and how many panes each has."""
        made = {number: len(one.panes) for number, one in self.made.get(app_id, {}).items()}
        return {**self.registered, **made}

    # -- answering ---------------------------------------------------------------------------

    def handle(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[Pair],
        body: bytes,
    ) -> Reply:
        """Answer one request."""
        return self.answer(method, target, headers, body)[0]

    def answer(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[Pair],
        body: bytes,
    ) -> tuple[Reply, Judgement]:
        """Answer one request, and say which other answers were as right."""
        request = self.read(method, target, headers, body)
        with self.lock:
            reply, found = self.decide(request)
            self.received.append(request)
            self.judgements.append(found)
        return reply, found

    def decide(self, request: Incoming) -> tuple[Reply, Judgement]:
        """Judge the envelope, then the parameters, then what was before; act only at the end."""
        try:
            for check in self.checks():
                check(request)
        except Refusal as refusal:
            problem = Problem(
                where="envelope", reason=refusal.row.message, codes=(refusal.row.code,)
            )
            return self.failure(request, refusal), Judgement(problems=(problem,))
        action = request.common["Action"]
        own = self.own_layouts_of(request.get("AppId"))
        found = judgement(action, self.edition, request.pairs, layouts=own)
        found = Judgement(problems=(*found.problems, *self.state_problems(action, request)))
        for problem in found.problems:
            if not problem.open:
                return self.failure(request, self.refusal_of(problem)), found
        fields = self.effects()[action](request)
        reply = self.write(request, 200, {"RequestId": self.request_id(), **fields})
        return reply, found

    def checks(self) -> tuple[Callable[[Incoming], None], ...]:
        """Return the checks of the envelope; those of a task are elsewhere here."""
        task = (self.check_required, self.check_values, self.check_existence)
        return tuple(check for check in super().checks() if check not in task)

    def is_our_action(self, action: str) -> bool:
        """Say whether the edition has the operation, letter for letter."""
        return action in self.actions and action in OPERATIONS[self.edition]

    def refusal_of(self, problem: Problem) -> Refusal:
        """Make the refusal of a problem: by a row of its own, or by one of the gateway's."""
        code = problem.codes[0]
        if code in self.rules.rows:
            return self.refuse(code)
        for kind in ("Missing", "Invalid"):
            if code.startswith(kind):
                return self.refuse(kind + "{}", code.removeprefix(kind))
        raise KeyError(code)

    # -- what was before -----------------------------------------------------------------------

    def key(self, request: Incoming) -> TaskKey:
        """Say what makes two tasks one."""
        app_id, task_id = self.task_identity(request)
        return app_id, task_id

    def task_value(self, request: Incoming, name: str) -> str:
        """Read a parameter; only StartMPUTask's page of 2019-05 has another spelling of TaskId."""
        if (request.common["Action"], self.edition) == ("StartMPUTask", "2019-05"):
            return super().task_value(request, name)
        return request.get(name)

    def state_problems(self, action: str, request: Incoming) -> list[Problem]:
        """Find what only the tasks and layouts there are make a problem.

        Whether values or the task are looked at first, no page says.
        """
        task = self.started.get(self.key(request))
        if action == "StartMPUTask":
            return self.start_problems(request, task)
        if action == "GetMPUTaskStatus" and task is None and all(self.key(request)):
            return [Problem(where="TaskId", reason="never started", codes=(NOT_FOUND,))]
        if action in ("StopMPUTask", "UpdateMPULayout") and (task is None or not task.runs):
            # no page has a Code for it: any that speaks of the task is as right as a success
            codes = (NOT_FOUND, "InvalidTaskId", "InternalError")
            return [Problem(where="TaskId", reason="does not run", codes=codes, open=True)]
        if action in ("ModifyMPULayout", "DeleteMPULayout"):
            if self.layout_number(request) in self.made.get(request.get("AppId"), {}):
                return []
            codes = ("InvalidLayoutID.Malformed", "InvalidLayoutId", "InvalidLayoutId.NotFound")
            return [Problem(where="LayoutId", reason="nobody made it", codes=codes, open=True)]
        return []

    def start_problems(self, request: Incoming, task: Task | None) -> list[Problem]:
        """Find a task that exists, and a StreamURL that is not free."""
        found = []
        if task is not None and task.runs:
            found.append(Problem(where="TaskId", reason="exists", codes=("TaskExisted",)))
        if self.edition == "2019-05":
            return found
        url, codes = request.get("StreamURL"), ("InvalidStreamURL",)
        others = (one for one in self.started.values() if one is not task and one.runs)
        if any(one.stream_url == url for one in others):
            # "禁止同一个StreamURL在不同任务中同时使用"
            found.append(Problem(where="StreamURL", reason="in use", codes=codes))
        elif url in self.freed and self.now() - self.freed[url] < REST:
            found.append(Problem(where="StreamURL", reason="freed just now", codes=codes))
        return found

    def become(self, task: Task, status: int) -> None:
        """Change a task's status; a task that ends frees its StreamURL."""
        ran, task.status = task.runs, status
        if ran and not task.runs:
            self.freed[task.stream_url] = self.now()

    # -- effects -------------------------------------------------------------------------------

    def effects(self) -> Mapping[str, Callable[[Incoming], dict[str, Any]]]:
        """Return what each operation does; it returns the reply's further fields."""
        return {
            "StartMPUTask": self.start,
            "StopMPUTask": self.stop,
            "GetMPUTaskStatus": self.tell_status,
            "UpdateMPULayout": self.update,
            "CreateMPULayout": self.create_layout,
            "ModifyMPULayout": self.modify_layout,
            "DeleteMPULayout": self.delete_layout,
            "DescribeMPULayoutList": self.list_layouts,
            "DescribeMPULayoutInfoList": self.describe_layouts,
        }

    def start(self, request: Incoming) -> dict[str, Any]:
        """Start a task, or start it anew."""
        key = self.key(request)
        self.started[key] = Task(key=key, stream_url=request.get("StreamURL"))
        return {}

    def stop(self, request: Incoming) -> dict[str, Any]:
        """Stop a task that runs."""
        task = self.started.get(self.key(request))
        if task is not None and task.runs:
            self.become(task, STOPPED_BY_USER)
        return {}

    def tell_status(self, request: Incoming) -> dict[str, Any]:
        """Say how a task is."""
        return {"Status": self.started[self.key(request)].status}

    def update(self, request: Incoming) -> dict[str, Any]:
        """Give a running task other layouts: "任务未开始、已结束或异常状态都调用无效"."""
        task = self.started.get(self.key(request))
        if task is not None and task.status == RUNNING:
            task.update = request.pairs
        return {}

    def layout_number(self, request: Incoming) -> int | None:
        """Return LayoutId, None when it is absent or of a form no page speaks of."""
        return whole(request.get("LayoutId"))

    def panes_of(self, request: Incoming) -> list[dict[str, str]]:
        """Return the panes of a layout in the order of their numbers."""
        found = items(request.pairs, "Panes")
        ordered = sorted(found, key=lambda number: (len(number), number))
        known = {*PANE_INTEGERS, *PANE_FLOATS}
        return [{n: v for n, v in found[number] if n in known and v} for number in ordered]

    def create_layout(self, request: Incoming) -> dict[str, Any]:
        """Make a layout."""
        self.last_layout = max(self.last_layout, *self.registered, 0) + 1
        self.made.setdefault(request.get("AppId"), {})[self.last_layout] = Layout(
            name=request.get("Name"),
            mix_count=request.get("AudioMixCount"),
            panes=self.panes_of(request),
        )
        return {"LayoutId": self.last_layout}

    def modify_layout(self, request: Incoming) -> dict[str, Any]:
        """Change what is given of a layout; panes change as a whole."""
        number = self.layout_number(request)
        layout = self.made.get(request.get("AppId"), {}).get(number or 0)
        if layout is not None:
            layout.name = request.get("Name") or layout.name
            layout.mix_count = request.get("AudioMixCount") or layout.mix_count
            layout.panes = self.panes_of(request) or layout.panes
        return {}

    def delete_layout(self, request: Incoming) -> dict[str, Any]:
        """Forget a layout."""
        number = self.layout_number(request)
        self.made.get(request.get("AppId"), {}).pop(number or 0, None)
        return {}

    def list_layouts(self, request: Incoming) -> dict[str, Any]:
        """Name the layouts there are, the service's own first: the page's example has some."""
        own = self.own_layouts_of(request.get("AppId"))
        return {"LayoutIds": {"LayoutId": [*LAYOUTS_OF[self.edition], *sorted(own)]}}

    def describe_layouts(self, request: Incoming) -> dict[str, Any]:
        """Describe the layouts that an app made, a page at a time."""
        number, name = request.get("LayoutId"), request.get("Name")
        found = [
            self.described(one, layout)
            for one, layout in sorted(self.made.get(request.get("AppId"), {}).items())
            if number in ("", str(one)) and name in ("", layout.name)
        ]
        page, size = (
            whole(request.get(wanted)) or default
            for wanted, default in (("PageNum", 1), ("PageSize", 10))
        )
        shown: Any = found[(page - 1) * size : page * size]
        return {
            "TotalNum": len(found),
            "TotalPage": -(-len(found) // size),
            "Layouts": {"Layout": shown} if self.wrapped_lists else shown,
        }

    def described(self, layout_id: int, layout: Layout) -> dict[str, Any]:
        """Write a layout's fields, numbers as numbers."""
        panes: Any = [
            {
                **{name: number(pane[name]) for name in PANE_INTEGERS if name in pane},
                **{name: number(pane[name]) for name in PANE_FLOATS if name in pane},
            }
            for pane in layout.panes
        ]
        return {
            "LayoutId": layout_id,
            "Name": layout.name,
            "AudioMixCount": number(layout.mix_count),
            "Panes": {"Panes": panes} if self.wrapped_lists else panes,
        }

    # -- replying ------------------------------------------------------------------------------

    def write(self, request: Incoming, status: int, fields: Mapping[str, Any]) -> Reply:
        """Write a success of any depth as the request's Format asks."""
        if self.reply_format(request) == "JSON":
            kind, text = self.json_type(), json.dumps(fields)
        else:
            root = f"{request.common['Action']}Response"
            kind, text = self.xml_type(), element(root, fields)
        body = text.encode()
        return status, self.reply_headers(kind, body), body


def whole(text: str) -> int | None:
    """Return a number of ASCII digits, None when a text is absent or of another form."""
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) else None


def number(text: str) -> int | float | str:
    """Return a text as a number; a form that no page speaks of stays a text."""
    if re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?[0-9]+\.[0-9]+", text) else text


def element(name: str, given: Any) -> str:
    """Write a value as an element, a list as an element for each item."""
    if isinstance(given, list):
        return "".join(element(name, one) for one in given)
    if isinstance(given, Mapping):
        inner = "".join(element(part, one) for part, one in given.items())
    else:
        plain = format(Decimal(repr(given)), "f") if isinstance(given, float) else str(given)
        inner = escape(plain)
    return f"<{name}>{inner}</{name}>"
