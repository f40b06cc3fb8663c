"""The page for a person at ``/_rtcmpu/``: the calls as they arrive, and why one was refused.

Plain HTML with a style and a small script of its own and nothing from elsewhere. Calls do not
change, so the script only adds the new ones; without it the page is read anew.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC
from functools import cache
from importlib import resources
from typing import Any

from pytest_rtcmpu.contract import Contract
from pytest_rtcmpu.endpoint import Call, Endpoint
from pytest_rtcmpu.server.record import call_record
from pytest_rtcmpu.values.text import count, for_html

_CALLS_SHOWN = 50
_PARAMETERS_SHOWN = 200
_LONGEST = 4000
#: Where a Code has a word's end: Invalid|Background|Color.|Malformed.
_WORDS = re.compile(r"(?<=[a-z0-9.])(?=[A-Z])")


def page(endpoint: Endpoint, *, before: int | None = None, every: int | None = None) -> Page:
    """Return the page's Content-Security-Policy and the page.

    Args:
        before: show the calls before that number, instead of the latest.
        every: let a browser without scripts read it anew after so many seconds.
    """
    style, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    kept = endpoint.calls
    older = [call for call in kept if before is None or call.number < before]
    shown = older[: -_CALLS_SHOWN - 1 : -1]
    text = "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            *([f'<meta http-equiv="refresh" content="{every}">'] if every else []),
            # A browser would ask for an icon, and the endpoint would count that as a call.
            '<link rel="icon" href="data:,">',
            "<title>Calls of StartMPUTask: pytest-rtcmpu</title>",
            f"<style>{style}</style>",
            "</head>",
            f'<body data-latest="{"" if before else "yes"}">',
            "<header>",
            '<p class="kicker">pytest-rtcmpu server</p>',
            "<h1>Calls</h1>",
            *_facts(endpoint),
            '<p id="state" role="status"></p>',
            "<noscript><p>Without scripts this page does not follow the calls: "
            '<a href="./">read it anew</a>, or <a href="?every=5">every 5 seconds</a>.</p>'
            "</noscript>",
            *(['<p><a href="./">The latest calls</a></p>'] if before else []),
            "</header>",
            "<main>",
            '<ol id="calls">',
            *(part for call in shown for part in _call(call, endpoint)),
            "</ol>",
            *_end(shown, older),
            "</main>",
            "<footer>Secrets and security tokens are redacted. The same as JSON: "
            '<a href="calls">/_rtcmpu/calls</a></footer>',
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )
    return policy, text


Page = tuple[str, str]


@cache
def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(text: object) -> str:
    """Return text for between tags and in attributes, cut where it is endless."""
    return for_html(_clip(str(text)))


def _code(code: str) -> str:
    """Return a Code that a line ends between the words of, where it is longer than the line."""
    return "<wbr>".join(map(_text, _WORDS.split(_clip(code))))


def _clip(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text)} characters)"


def _facts(endpoint: Endpoint) -> Iterator[str]:
    kept = endpoint.kept_count
    facts = {
        "Calls": f"{endpoint.call_count}"
        + ("" if kept == endpoint.call_count else f", {kept} kept"),
        "Tasks": endpoint.task_count,
        "Clock": endpoint.now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "Edition": endpoint.contract.edition,
    }
    yield '<dl id="facts">'
    yield from (f"<div><dt>{name}</dt><dd>{_text(fact)}</dd></div>" for name, fact in facts.items())
    yield "</dl>"


def _end(shown: list[Call], older: list[Call]) -> Iterator[str]:
    if not older:
        yield '<p id="none">No call yet.</p>'
    elif len(older) > len(shown):
        more = count(len(older) - len(shown), "earlier call")
        yield f'<p id="more"><a href="?before={shown[-1].number}">{more}</a></p>'


# -------------------------------------------------------------------------------------- one call


def _call(call: Call, endpoint: Endpoint) -> Iterator[str]:
    record = call_record(call, endpoint.secrets)
    kind, mark = ("ok", "✓") if call.code is None else ("refused", "✗")
    if call.fault is not None:
        kind, mark = "spoilt", "!"
    # A request id is unique even after a reset, when the numbers begin anew.
    yield f'<li class="call {kind}" id="call-{_text(call.request_id)}"><details>'
    yield (
        f'<summary><span class="number">{call.number}</span> '
        f'<span class="what"><bdi>{_text(record["action"] or "no Action")}</bdi></span> '
        f'<span class="outcome"><span aria-hidden="true">{mark}</span> '
        f"{_code(call.code or 'success')}, HTTP {call.http_status}</span> "
        f'<time datetime="{record["received"]}">{call.received.astimezone(UTC):%H:%M:%S}</time>'
        "</summary>"
    )
    yield '<div class="body">'
    yield from _reasons(call, record)
    yield from _parameters(record)
    yield "<h3>Request</h3>"
    request = record["request"]
    yield _pre(
        "\n".join((f"{request['method']} {request['target']}", *_heads(request["headers"])))
        + (f"\n\n{request['body']}" if request["body"] else "")
    )
    yield "<h3>Reply</h3>"
    reply = record["reply"]
    yield _pre(
        "\n".join((f"HTTP {reply['http_status']}", *_heads(reply["headers"]), "", reply["body"]))
    )
    yield f'<p><a href="calls?since={call.number - 1}&amp;limit=1">This call as JSON</a></p>'
    yield "</div></details></li>"


def _heads(headers: Iterable[list[str]]) -> Iterator[str]:
    return (f"{name}: {value}" for name, value in headers)


def _reasons(call: Call, record: dict[str, Any]) -> Iterator[str]:
    """Say in words what was wrong, where it stands, and what else a reader should know."""
    if call.code is not None:
        row = next(iter(call.contract.errors_by_code.get(call.code, ())), None)
        yield '<section class="why"><h3>Why it was refused</h3>'
        if row is not None:
            yield f"<p><code>{_code(call.code)}</code>: {_text(row.meaning)}</p>"
        if call.clause is None:
            yield "<p>The test asked for this failure; the request itself is right.</p>"
        else:
            clause = record["clause"]
            yield f"<p>{_text(clause['text'])} <code>{_text(clause['id'])}</code></p>"
            yield (
                f"<p>Source: {_source(clause['source'], call.contract)} "
                f"({_text(clause['level'])})</p>"
            )
        if row is not None and row.advice:
            yield f"<p>What to do: {_text(row.advice)}</p>"
        yield from _list_items(
            f"{p['path']}: expected {p['expected']}, got {p['got']} ({p['clause']})"
            + (f"; {p['lead']}" if p["lead"] else "")
            for p in record["problems"]
        )
        if record["autopsy"]:
            yield _pre(record["autopsy"])
        yield "</section>"
    if record["fault"]:
        yield f"<p>The reply was spoilt on purpose: <code>{_text(record['fault'])}</code></p>"
    if record["warnings"]:
        yield "<h3>What the documentation leaves open</h3>"
        yield from _list_items(
            f"{w['path']}: {w['detail']}: {w['text']} ({w['silence']})" for w in record["warnings"]
        )


def _source(source: str, contract: Contract) -> str:
    title = next((s.title for s in contract.sources if s.id == source.split()[0]), None)
    return _text(f"{source}: {title}" if title else source)


def _list_items(items: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{_text(item)}</li>" for item in items]
    if found:
        yield f"<ul>{''.join(found)}</ul>"


def _parameters(record: dict[str, Any]) -> Iterator[str]:
    pairs = record["parameters"]
    yield f"<h3>{count(len(pairs), 'parameter').capitalize()}</h3>"
    yield "<dl>"
    for name, value in pairs[:_PARAMETERS_SHOWN]:
        shown = f"<bdi>{_text(value)}</bdi>" if value else '<span class="empty">(empty)</span>'
        yield f"<div><dt><bdi>{_text(name)}</bdi></dt><dd>{shown}</dd></div>"
    yield "</dl>"
    if len(pairs) > _PARAMETERS_SHOWN:
        yield f"<p>… and {len(pairs) - _PARAMETERS_SHOWN} more</p>"


def _pre(text: str) -> str:
    return f"<pre>{for_html(_clip(text), multiline=True)}</pre>"
