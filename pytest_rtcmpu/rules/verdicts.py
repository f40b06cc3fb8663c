"""What is said of a request's parameters: problems and notes."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_rtcmpu.contract import Clause, Contract, Silence

#: The silence about what only another edition has.
ELSEWHERE = "silence.other-edition"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A broken rule: where, what was expected, what came, and the clause.

    Attributes:
        lead: what leads on: to another edition that does not have the rule, to what a rule allows.
    """

    path: str
    expected: str
    got: str
    clause: Clause
    lead: str = field(default="", compare=False)

    @property
    def parameter(self) -> str:
        """The parameter it is about: ``UserPanes`` for ``UserPanes.3.PaneId``."""
        return self.path.partition(".")[0]

    @property
    def clause_id(self) -> str:
        """The id of the clause."""
        return self.clause.id

    def __str__(self) -> str:
        told = f"{self.path}: expected {self.expected}, got {self.got} ({self.clause.id})"
        return f"{told}; {self.lead}" if self.lead else told


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the sources leave open that a request makes use of."""

    path: str
    silence: Silence
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}: {self.silence.text} ({self.silence.id})"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is wrong with a request's parameters, in the order in which it is answered."""

    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]


class Verdicts:
    """What is found over one request, in the contract's words."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.notes: list[Note] = []
        #: Required parameters that are absent: they answer first.
        self.absent: list[Problem] = []
        self.problems: list[Problem] = []

    def note(self, silence: str, path: str, detail: str) -> None:
        """Note a silence."""
        self.notes.append(Note(path=path, silence=self.contract.silence(silence), detail=detail))

    def problem(
        self, rule: str, name: str, path: str, expected: str, got: str, *, lead: str = ""
    ) -> None:
        """Add a broken rule of a parameter."""
        clause = self.contract.rule(name, rule)
        self.problems.append(
            Problem(path=path, expected=expected, got=got, clause=clause, lead=lead)
        )


def shown(text: str) -> str:
    """Return a value as a message shows it: quoted, and not endless."""
    return repr(text) if len(text) <= 80 else f"{text[:77]!r}… ({len(text)} characters)"
