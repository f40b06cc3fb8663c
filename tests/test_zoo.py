"""The zoo: each faulty client and endpoint is caught, by the clause that zoo.toml says, and no
legal one is accused of anything, not even of breaking a reading.

The animals are of another hand: tests/independent is written from the documentation alone.
"""

import tomllib
from pathlib import Path

import pytest
from independent.endpoint import serve
from independent.zoo_clients import FAULTY_CLIENTS, LEGAL_CLIENTS
from independent.zoo_endpoints import FAULTY_ENDPOINTS, LEGAL_ENDPOINTS

from pytest_rtcmpu import contract
from pytest_rtcmpu.checks.core import PHASES
from pytest_rtcmpu.checks.run import ClientBench, EndpointBench, Settings, run_bench
from pytest_rtcmpu.checks.testees.protocol import CallableTestee

TABLE = tomllib.loads(Path(__file__).with_name("zoo.toml").read_text("utf-8"))


class Caught(Exception):
    """The clause that was waited for broke; the rest of the sweep is not needed."""


class _Until:
    """A bench of one clause that begins with what was made for it and stops when it breaks."""

    def _scenarios(self, phase):
        [wanted] = self.settings.clauses
        return sorted(super()._scenarios(phase), key=lambda each: wanted not in self._about(each))

    def _keep(self, phase, findings):
        if findings:
            raise Caught


class ClientUntil(_Until, ClientBench):
    """A client's bench that stops when a clause breaks."""


class EndpointUntil(_Until, EndpointBench):
    """An endpoint's bench that stops when a clause breaks."""


class Impatient(CallableTestee):
    """Some of the animals hang: they are given up soon."""

    grace = 0.5


def _names(rows):
    return [row.name for row in rows]


def _settings(clause, **more):
    return Settings(phases=("documented",), clauses=(clause,), **more)


def _broken(run):
    return {result.clause: result.findings for result in run.results if result.broken}


@pytest.mark.parametrize("row", FAULTY_CLIENTS, ids=_names(FAULTY_CLIENTS))
def test_a_faulty_client_is_caught(row):
    """Each faulty client breaks the clause that the table names."""
    settings = _settings(TABLE["clients"][row.name], timeout=1.0)
    bench = ClientUntil(Impatient(row.fresh()), settings)
    try:
        with pytest.raises(Caught):
            run_bench(bench, bench.settings)
    finally:
        bench.close()


@pytest.mark.parametrize("row", FAULTY_ENDPOINTS, ids=_names(FAULTY_ENDPOINTS))
def test_a_faulty_endpoint_is_caught(row):
    """Each faulty endpoint breaks the clause that the table names."""
    with serve(row.make()) as url:
        bench = EndpointUntil(url, settings=_settings(TABLE["endpoints"][row.name]))
        try:
            with pytest.raises(Caught):
                run_bench(bench, bench.settings)
        finally:
            bench.close()


def _alone(subject, rows):
    return [row for row in rows if row.name in TABLE["alone"][subject]]


@pytest.mark.parametrize("row", _alone("clients", FAULTY_CLIENTS), ids=lambda row: row.name)
def test_a_client_that_breaks_a_reading_is_accused_of_nothing_else(row):
    """What no source speaks of breaks the clause that says so, and none that quotes a source."""
    settings = Settings(phases=("documented",), timeout=5.0)
    bench = ClientBench(CallableTestee(row.fresh()), settings)
    try:
        assert set(_broken(run_bench(bench, settings))) == {TABLE["clients"][row.name]}
    finally:
        bench.close()


@pytest.mark.parametrize("row", _alone("endpoints", FAULTY_ENDPOINTS), ids=lambda row: row.name)
def test_an_endpoint_that_breaks_a_reading_is_accused_of_nothing_else(row):
    """What no source speaks of breaks the clause that says so, and none that quotes a source."""
    with serve(row.make()) as url:
        bench = EndpointBench(url, settings=Settings(phases=("documented",)))
        try:
            found = set(_broken(run_bench(bench, bench.settings)))
            assert found == {TABLE["endpoints"][row.name]}
        finally:
            bench.close()


@pytest.mark.parametrize("row", LEGAL_CLIENTS, ids=_names(LEGAL_CLIENTS))
def test_a_legal_client_is_not_accused(row, request):
    """What is odd but legal breaks nothing, in any phase."""
    bench = ClientBench(CallableTestee(row.fresh()), Settings(max_examples=10, timeout=30.0))
    try:
        assert _broken(run_bench(bench, bench.settings)) == {}
    finally:
        bench.close()


@pytest.mark.parametrize("row", LEGAL_ENDPOINTS, ids=_names(LEGAL_ENDPOINTS))
def test_a_legal_endpoint_is_not_accused(row):
    """What is odd but legal breaks nothing, in any phase."""
    with serve(row.make()) as url:
        bench = EndpointBench(url, settings=Settings(max_examples=10))
        try:
            assert _broken(run_bench(bench, bench.settings)) == {}
        finally:
            bench.close()


@pytest.mark.parametrize(
    ("subject", "rows"), [("clients", FAULTY_CLIENTS), ("endpoints", FAULTY_ENDPOINTS)]
)
def test_the_table_is_the_zoo(subject, rows):
    """The table names every faulty animal and no other, at least forty, each with a clause."""
    assert sorted(TABLE[subject]) == sorted(_names(rows))
    assert len(rows) >= 40
    for clause in TABLE[subject].values():
        assert subject.removesuffix("s") in contract.load().clause(clause).subjects


def test_most_of_the_zoo_breaks_what_fails_a_run():
    """A documented bug is caught by a clause that fails without strictness, with few exceptions."""
    for subject, rows in (("clients", FAULTY_CLIENTS), ("endpoints", FAULTY_ENDPOINTS)):
        clauses = {row.name: contract.load().clause(TABLE[subject][row.name]) for row in rows}
        reported = {
            row.name
            for row in rows
            if row.level != "reading" and clauses[row.name].breach == "report"
        }
        assert reported <= set(TABLE["reported"][subject])


def test_every_phase_is_run_for_the_legal():
    """Legal animals go through all phases, so that a false alarm in any is seen."""
    assert Settings().phases == PHASES
