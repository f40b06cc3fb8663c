"""Mistakes in what was signed: left out, added, or changed between signing and sending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations

from pytest_rtcmpu.contract import load
from pytest_rtcmpu.signatures.autopsy.plan import (
    Evidence,
    Mistake,
    Signing,
    Variant,
    each,
    map_pairs,
    show,
)
from pytest_rtcmpu.signatures.autopsy.values import (
    NOTHING,
    TO_EACH_NAME,
    TO_EACH_VALUE,
    other_lists,
    other_moments,
    other_names,
    other_values,
    usual_times,
    usual_values,
)
from pytest_rtcmpu.signatures.verify import Pair

# --- sent and not signed ---------------------------------------------------------------------


def _without(plan: Signing, names: Iterable[str]) -> Signing:
    left_out = set(names)
    return plan.but(pairs=tuple(pair for pair in plan.pairs if pair[0] not in left_out))


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    if len(shown) > 6:
        return f"{', '.join(shown[:5])} and {len(shown) - 5} more were"
    return f"{' and '.join(shown)} {'was' if len(shown) == 1 else 'were'}"


def _one_left_out(case: Evidence, plan: Signing) -> Iterator[Variant]:
    names = list(dict.fromkeys(name for name, _ in plan.pairs))
    for name in names:
        yield _without(plan, [name]), _listed([name])
    for head in dict.fromkeys(name.partition(".")[0] + "." for name in names if "." in name):
        inside = [name for name in names if name.startswith(head)]
        yield _without(plan, inside), f"{head}… {'was' if len(inside) == 1 else 'were'}"


def _several_left_out(case: Evidence, plan: Signing) -> Iterator[Variant]:
    names = list(dict.fromkeys(name for name, _ in plan.pairs))
    # What was added after signing stands together at the end, as a rule, or at the beginning.
    for size in range(2, len(names)):
        yield _without(plan, names[-size:]), _listed(names[-size:])
        yield _without(plan, names[:size]), _listed(names[:size])
    if len(names) > _MAX_NAMES:
        return
    for size in (2, 3):
        for few in combinations(names, size):
            yield _without(plan, few), _listed(few)


#: Of so many names each two and three are tried; more give too many.
_MAX_NAMES = 40


def _one_of_duplicates(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for which, pairs in (("last", plan.pairs), ("first", plan.pairs[::-1])):
        kept = tuple(dict(pairs).items())
        if len(kept) < len(plan.pairs):
            yield plan.but(pairs=kept), which


def _form_left_out(case: Evidence, plan: Signing) -> list[Variant]:
    return [(plan.but(pairs=case.query), "")] if case.query and case.form else []


def _query_left_out(case: Evidence, plan: Signing) -> list[Variant]:
    if case.kind == "v3":
        return [(plan.but(pairs=()), "")] if plan.pairs else []
    return [(plan.but(pairs=case.form), "")] if case.query and case.form else []


def _form_in_query(case: Evidence, plan: Signing) -> Iterator[Variant]:
    if case.form:
        yield plan.but(pairs=plan.pairs + case.form), ""
        yield plan.but(pairs=case.form), ""


# --- signed and not sent ---------------------------------------------------------------------

#: Parameters of older clients, whose own documentation is not that of this service.
_OF_CLIENTS = ("RegionId", "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount",
               "SignatureType")  # fmt: skip


def _may_be_absent(case: Evidence, plan: Signing) -> dict[str, tuple[str, ...]]:
    """Return the names that a client may have signed and not sent, each with likely values."""
    contract = load()
    found: dict[str, tuple[str, ...]] = {}
    present = {name for name, _ in plan.pairs} | {"Signature"}
    for common in contract.common_parameters:
        found[common.name] = (common.value,) if common.value else ()
    found["Format"] = contract.service.formats
    for name in chain((p.name for p in contract.parameters), _OF_CLIENTS, case.candidates):
        found.setdefault(name, ())
    for name, _ in plan.pairs:
        head, dot, number = name.rpartition(".")
        if dot and number.isdigit():
            found[f"{head}.{int(number[:9]) + 1}"] = ()
            if number.isdigit() and int(number[:9]) > 0:
                found[f"{head}.{int(number[:9]) - 1}"] = ()
    for name, values in case.candidates.items():
        found[name] = (*found.get(name, ()), *values)
    return {name: values for name, values in found.items() if name not in present}


_EXTRA_VALUES = ("0", "1", "false", "true", "[]", "{}", "cn-hangzhou")


def _lost(plan: Signing, name: str, value: str) -> Variant:
    detail = f"{name} was signed as {show(name, value)} and did not arrive"
    return plan.but(pairs=(*plan.pairs, (name, value))), detail


def _usually_not_sent(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for name, values in _may_be_absent(case, plan).items():
        for value in dict.fromkeys((*values[:3], *NOTHING[:2])):
            yield _lost(plan, name, value)


def _not_sent(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for name, values in _may_be_absent(case, plan).items():
        for value in dict.fromkeys((*values, *NOTHING, *_EXTRA_VALUES)):
            yield _lost(plan, name, value)


def _all_absent(case: Evidence, plan: Signing) -> Iterator[Variant]:
    """A client that has a field for each parameter may sign those that are not set, too."""
    present = {name for name, _ in plan.pairs}
    names = [p.name for p in load().parameters]
    absent = [name for name in names if not any(n == name or n.startswith(f"{name}.")
                                                for n in present)]  # fmt: skip
    for value in NOTHING:
        for few in chain([absent], combinations(absent, 2)):
            if len(few) > 1:
                pairs = (*plan.pairs, *((name, value) for name in few))
                detail = f"{' and '.join(few)} were signed as {value!r} and did not arrive"
                yield plan.but(pairs=pairs), detail


# --- changed between signing and sending -----------------------------------------------------


def _with(plan: Signing, at: int, pair: Pair) -> Signing:
    return plan.but(pairs=(*plan.pairs[:at], pair, *plan.pairs[at + 1 :]))


def _was(name: str, was: str, came: str) -> str:
    shown = show(name, was), show(name, came)
    return f"{name} was {shown[0]} when it was signed and arrived as {shown[1]}"


def _usually_changed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in usual_values(value):
            yield _with(plan, at, (name, other)), _was(name, other, value)


def _time_changed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in usual_times(value):
            yield _with(plan, at, (name, other)), _was(name, other, value)


def _one_changed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in dict.fromkeys((*case.candidates.get(name, ()), *other_values(value))):
            if other != value:
                yield _with(plan, at, (name, other)), _was(name, other, value)


def _one_renamed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in other_names(name):
            yield _with(plan, at, (other, value)), f"{name} was signed under the name {other}"


def _each_changed(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for called, change in TO_EACH_VALUE.items():
        pairs = tuple((name, change(value)) for name, value in plan.pairs)
        if pairs != plan.pairs:
            yield plan.but(pairs=pairs), f"values were signed {called}"
    for called, change in TO_EACH_NAME.items():
        pairs = tuple((change(name), value) for name, value in plan.pairs)
        if pairs != plan.pairs:
            yield plan.but(pairs=pairs), f"names were signed {called}"


def _moved(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for at, (name, value) in enumerate(plan.pairs):
        for other in other_moments(value):
            yield _with(plan, at, (name, other)), _was(name, other, value)


def _in_other_lists(case: Evidence, plan: Signing) -> Iterator[Variant]:
    for pairs, detail in other_lists(plan.pairs):
        if pairs != plan.pairs:
            yield plan.but(pairs=pairs), f"the client signed {detail}"


def _split_on_the_way(case: Evidence, plan: Signing) -> Iterator[Variant]:
    """A value with "&" in it that was sent raw arrives as several parameters."""
    pairs = plan.pairs
    for at in range(len(pairs)):
        name, value = pairs[at]
        for end in range(at + 1, min(at + 6, len(pairs))):
            more, rest = pairs[end]
            value += f"&{more}={rest}" if rest else f"&{more}"
            whole = (*pairs[:at], (name, value), *pairs[end + 1 :])
            yield plan.but(pairs=whole), name


_CHANGED = "parameter changed after signing: {}; sign last, and send what was signed."

SIGNED: tuple[Mistake, ...] = (
    Mistake(
        id="empty-left-out",
        stage="received pairs",
        text="empty parameters left out: the client sent parameters without a value but did not"
        " sign them; sign every parameter sent, as name=.",
        deviate=map_pairs(lambda pair: pair if pair[1] else None),
    ),
    Mistake(
        id="form-not-signed",
        stage="received pairs",
        text="form not signed: the client signed the query and left out the parameters in the"
        " body; signature 1.0 covers both.",
        deviate=_form_left_out,
        kinds=("1.0",),
    ),
    Mistake(
        id="query-not-signed",
        stage="received pairs",
        text="query not signed: the client left out the parameters in the query; sign them.",
        deviate=_query_left_out,
    ),
    Mistake(
        id="form-in-query",
        stage="received pairs",
        text="form signed as query: the client put the parameters of the body into the canonical"
        " query; V3 signs the body by its hash alone.",
        deviate=_form_in_query,
        kinds=("v3",),
    ),
    Mistake(
        id="duplicate-left-out",
        stage="received pairs",
        text="duplicates: a name was sent more than once and the client signed the {} only; send"
        " each name once.",
        deviate=_one_of_duplicates,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text=_CHANGED,
        deviate=_time_changed,
    ),
    Mistake(
        id="parameter-not-signed",
        stage="received pairs",
        text="parameter not signed: {} added after signing; sign every parameter that is sent,"
        " save Signature itself.",
        deviate=_one_left_out,
        rare=True,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text=_CHANGED,
        deviate=each(_usually_changed, _each_changed),
        rare=True,
    ),
    Mistake(
        id="parameter-renamed",
        stage="received pairs",
        text="name changed after signing: {}; send the names that were signed.",
        deviate=_one_renamed,
        rare=True,
    ),
    Mistake(
        id="list-otherwise",
        stage="received pairs",
        text="list signed in another form than it was sent in: {}; sign the pairs that are sent.",
        deviate=_in_other_lists,
        rare=True,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text="parameter changed after signing: {}; send every parameter that was signed.",
        deviate=_usually_not_sent,
        rare=True,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text="parameter changed after signing: {}; send every parameter that was signed.",
        deviate=_not_sent,
        pairs_up=False,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text=_CHANGED,
        deviate=_one_changed,
        pairs_up=False,
    ),
    Mistake(
        id="parameter-split",
        stage="received pairs",
        text='"&" sent raw: {} holds an "&" that was signed as part of it and stands unencoded on'
        " the wire, where it ends the value; send it as %26.",
        deviate=_split_on_the_way,
        pairs_up=False,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text="parameter changed after signing: {}; send every parameter that was signed.",
        deviate=_all_absent,
        pairs_up=False,
    ),
    Mistake(
        id="parameter-changed",
        stage="received pairs",
        text=_CHANGED,
        deviate=_moved,
        pairs_up=False,
    ),
    Mistake(
        id="parameter-not-signed",
        stage="received pairs",
        text="parameters not signed: {} added after signing; sign every parameter that is sent,"
        " save Signature itself.",
        deviate=_several_left_out,
        pairs_up=False,
    ),
)
