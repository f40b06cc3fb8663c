"""Commands as people write them, on Windows and elsewhere."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_rtcmpu.values.commands import join, split

WORDS = st.lists(st.text(st.sampled_from("a \\\"'/:#$-é"), max_size=6), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"C:\tools\node.exe testee.js", [r"C:\tools\node.exe", "testee.js"]),
        (r'"C:\Program Files\node.exe" a b', [r"C:\Program Files\node.exe", "a", "b"]),
        (r"\\server\share\run.exe --x='1 2'", [r"\\server\share\run.exe", "--x=1 2"]),
    ],
)
def test_backslashes_stay_on_windows(line: str, words: list[str]) -> None:
    """There a backslash stands between folders, and takes no meaning away."""
    assert split(line, windows=True) == words


def test_a_shell_is_a_shell_elsewhere() -> None:
    """Elsewhere a backslash does what it does in a POSIX shell, and # begins no comment."""
    assert split(r"node my\ testee.js '#1' #2", windows=False) == [
        *("node", "my testee.js", "#1", "#2"),
    ]


def test_a_line_on_windows_has_double_quotes() -> None:
    """What is printed to be copied has the quotes that cmd.exe knows."""
    assert join([r"C:\a b\x.exe", r"C:\y"], windows=True) == r'"C:\a b\x.exe" C:\y'


@pytest.mark.parametrize("windows", [True, False])
@given(words=WORDS)
@example(words=[""])
@example(words=['"', "'", "\\"])
def test_what_is_joined_is_split(windows: bool, words: list[str]) -> None:
    """Arguments come back as they were from the line that they are shown as."""
    assert split(join(words, windows=windows), windows=windows) == words
