"""Contract checks: whether a client or an endpoint keeps the documentation, clause by clause.

Free of pytest. ``client`` and ``endpoint`` hold the checks in explicit tuples, ``run`` runs them
phase by phase, and what comes out is a :class:`~pytest_rtcmpu.checks.core.Run`.
"""
