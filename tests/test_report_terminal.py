"""The summary on a terminal: a screenful that tells what matters."""

import re

import pytest
from reports import both, broken, doubtful, everything, held, of, run, subject_run

from pytest_rtcmpu.report import ledgers, summary
from pytest_rtcmpu.report.ledger import OUTCOMES
from pytest_rtcmpu.report.terminal import SCREEN
from pytest_rtcmpu.values.text import cells, pad, shorten, visible

FAILING = of("client")
READINGS = of("client", breach="report")


def text(made, **settings):
    """The summary of a run and its ledgers."""
    return summary(*made, **{"width": 100, "color": False, **settings})


def all_broken(**given):
    """A client that breaks every clause."""
    return both(*(broken(c, expected="甲" * 90) for c in [*FAILING, *READINGS]), **given)


def several(count):
    """Several clients that do so."""
    subjects = [
        subject_run(*(broken(c) for c in [*FAILING, *READINGS]), target=f"client{number}")
        for number in range(count)
    ]
    made = run(*subjects)
    return made, ledgers(made, everything()[1][0].contract)


SCREENS = {
    "nothing": both(),
    "held": both(*map(held, FAILING)),
    "one broken": both(broken(FAILING[0])),
    "five broken": both(*map(broken, FAILING[:5])),
    "readings broken": both(*map(broken, READINGS)),
    "all broken": all_broken(),
    "all broken, incomplete, with notes": all_broken(complete=False, notes=("x" * 300, "y")),
    "two subjects": everything(),
    "four subjects": several(4),
    "six subjects": (run(*everything()[0].subjects * 3), everything()[1] * 3),
}


def is_to_copy(line):
    """Whether a line holds a command or an option."""
    return line.startswith("More: ")


@pytest.mark.parametrize("width", [20, 80, 200])
@pytest.mark.parametrize("made", SCREENS.values(), ids=SCREENS)
def test_screenful(made, width):
    """The summary fits a screen, in height and in width, however much is broken."""
    lines = text(made, width=width, problems=["p" * 300] * 9).splitlines()
    assert len(lines) <= SCREEN
    assert max(cells(line) for line in lines if not is_to_copy(line)) <= width
    assert lines[-1].startswith("FAILED")


@pytest.mark.parametrize("width", [20, 80])
def test_a_command_is_never_cut(width):
    """What is to be copied stands whole, on however narrow a terminal."""
    lines = text(both(broken(max(FAILING, key=len))), width=width).splitlines()
    told = f"--report FILE.html (requests, replies); rtcmpu explain {max(FAILING, key=len)}"
    assert f"More: -v; {told}" in lines


def test_what_is_no_terminal_cuts_nothing():
    """Where there is no terminal, a line is as long as what it says."""
    said = text(both(broken(FAILING[0]), target="node " + "x" * 300), width=None)
    assert "x" * 300 in said
    assert "…" not in said


def test_options_are_those_of_whoever_asks():
    """Under pytest the options have pytest's names."""
    said = text(both(broken(FAILING[0]), broken(READINGS[0])), dash="--rtcmpu-")
    assert "; --rtcmpu-report FILE.html" in said
    assert "--rtcmpu-strict makes them fail" in said
    assert not re.search(r"--(report|strict)", said)


def test_broken_clause_is_told():
    """A broken clause comes with level, source, expected, got, the scenario, and where to look."""
    said = text(both(broken(FAILING[0], times=2, exercised=9), held(FAILING[1])))
    assert re.search(rf"BROKEN \(1\)\n  {FAILING[0]}  companion, S2 111548; 2 of 9 checks\n", said)
    assert "in        documented, TaskProfile=4IN_720P\n" in said
    assert "expected  MediaEncode=0\n" in said
    assert "got       no MediaEncode\n" in said
    assert f"--report FILE.html (requests, replies); rtcmpu explain {FAILING[0]}\n" in said
    assert said.endswith("\nFAILED 1 clause broken")


def test_many_broken_clauses():
    """When the screen is short, each broken clause keeps its expected and got on one line."""
    said = text(both(*map(broken, FAILING[:30])))
    assert re.search(
        rf"  {FAILING[0]} +companion, S2 111548; expected MediaEncode=0, got no Med", said
    )
    shown = said.count("; expected MediaEncode=0")
    assert f"… and {30 - shown} more" in said


def test_readings_stand_apart():
    """Broken readings are reported apart from failures and pass, unless the run is strict."""
    results = [broken(READINGS[0]), held(FAILING[0])]
    said = text(both(*results))
    assert "READINGS BROKEN (1)  reported, not failing; --strict makes them fail\n" in said
    assert "\nBROKEN" not in said
    assert "\nPASSED 1 clause held, 1 reading broken and reported" in said
    strict = text(both(*results, strict=True))
    assert "\nBROKEN (1)" in strict
    assert "READINGS" not in strict
    assert strict.endswith("FAILED 1 clause broken")


def test_incomplete():
    """An incomplete run says so at the top and in the verdict."""
    said = text(both(*map(held, FAILING), complete=False, notes=("worker gw1 crashed",)))
    assert "\nINCOMPLETE client shop.rtc:start: worker gw1 crashed\n" in said
    assert said.endswith("FAILED the run is incomplete")


def test_counts():
    """Each subject has its counts, outcome by outcome."""
    lines = text(everything(), width=120).splitlines()
    at = next(n for n, line in enumerate(lines) if "not judged  not exercised  not" in line)
    assert re.split(r"  +", lines[at + 1])[0] == "[1] client shop.rtc:start"
    counts = [
        [str(each.count(o)) for o in OUTCOMES] + [str(each.checks)] for each in everything()[1]
    ]
    assert [re.split(r"  +", lines[at + 1 + n])[1:] for n in range(2)] == counts


def test_long_name_gives_way():
    """A long target is cut rather than the counts beside it."""
    said = text(both(*map(held, FAILING), target="node " + "x" * 100), width=80)
    assert re.search(rf"\nclient node x+…  .* {3 * len(FAILING)}\n", said)


def test_side_by_side():
    """Several subjects stand in columns, clause by clause."""
    client, endpoint = of("client"), of("endpoint")
    clause, other = [c for c in client if c in endpoint][:2]
    made = run(
        subject_run(broken(clause), held(other), target="one"),
        subject_run(held(clause, "endpoint"), subject="endpoint", target="two"),
    )
    said = text((made, ledgers(made, everything()[1][0].contract)))
    assert re.search(r"\[1\] client one .*\n\[2\] endpoint two ", said)
    assert re.search(r"BROKEN \(1\) +\[1\] +\[2\]\n", said)
    assert re.search(rf"  {clause} +broken +held +", said)
    assert "[1] documented, TaskProfile=4IN_720P" in said


def test_not_exercised_is_listed():
    """Clauses nothing exercised are named, and the verdict counts them."""
    said = text(both(held(FAILING[0])))
    silent = len(FAILING) + len(READINGS) - 1
    assert f"\nNOT EXERCISED ({silent}) {FAILING[1]}, " in said
    assert said.endswith(f"PASSED 1 clause held, {silent} not exercised")


def test_what_was_left_out_is_counted():
    """Clauses that nobody selected are told as such, apart from those nothing exercised."""
    left = (*FAILING[1:], *READINGS[1:])
    said = text(both(held(FAILING[0]), unselected=left))
    assert said.endswith(f"PASSED 1 clause held, 1 not exercised, {len(left)} not selected")


def test_not_judged_is_listed_with_its_reason():
    """Clauses that could not be judged are named, with why, counted, and never held."""
    made = both(held(FAILING[0]), doubtful(FAILING[1], reason="the secret is wrong"))
    said = text(made)
    assert f"\nNOT JUDGED (1) {FAILING[1]}; the secret is wrong\n" in said
    assert ", 1 not judged, " in said.splitlines()[-1]
    assert "2 checks not judged: the secret is wrong" in text(made, verbose=True)


def test_nothing_checked():
    """A run that judged nothing says so instead of passing."""
    assert text(both()).endswith("NOTHING WAS CHECKED that is no success")


def test_problems():
    """What else fails the run is told."""
    said = text(both(held(FAILING[0])), problems=["known failure x passes now"])
    assert "\nPROBLEM known failure x passes now\n" in said
    assert said.endswith("FAILED 1 problem")


def test_verbose():
    """Verbose tells every clause, every breach, the source's words and every reason, uncut."""
    made = everything()
    said = text(made, width=40, verbose=True)
    for each in made[1]:
        for entry in each.entries:
            assert entry.clause.id in said
            if entry.outcome == "broken":
                assert f"text      {entry.clause.text}" in said
    assert "issue 17: fixed in the next release" in said
    assert "…" not in said.replace("&…", "")


def test_color():
    """Colour adds escape codes and nothing else."""
    made = everything()
    plain, colored = text(made), text(made, color=True)
    assert "\x1b" not in plain
    assert "\x1b[31;1mBROKEN" in colored
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_control_characters():
    """What a subject sent moves no cursor and ends no line."""
    evil = "\x1b[2J\r\nPASSED\u202e\udc80"
    made = both(
        broken(FAILING[0], expected=evil, got=evil, scenario=evil),
        target=evil,
        notes=(evil,),
    )
    for verbose in (False, True):
        said = text(made, verbose=verbose, problems=[evil])
        assert "\\x1b[2J\\r\\nPASSED\\u202e\\udc80" in said
        assert all(char.isprintable() or char == "\n" for char in said)
        assert "\nPASSED" not in said


@pytest.mark.parametrize(
    ("given", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("布局参数", 8, "布局参数"),
        ("布局参数", 7, "布局参…"),
        ("布局参数", 6, "布局…"),
        ("e\u0301e\u0301e", 3, "e\u0301e\u0301e"),
    ],
)
def test_shorten(given, width, expected):
    """Text is cut by the columns it takes; Chinese characters take two."""
    assert shorten(given, width) == expected
    assert cells(pad(given, width)) == width


def test_visible():
    """What cannot be seen is written out; what can stays as it is."""
    assert visible("布局 é😀") == "布局 é😀"
    assert visible("a\tb\r\n\r") == "a\\tb\\r\\n\\r"
    assert visible("a\tb\r\n\r", multiline=True) == "a\tb\n\\r"
