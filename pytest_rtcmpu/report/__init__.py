"""From results to what people and machines read: ledger, terminal, JSON, HTML, JUnit."""

from pytest_rtcmpu.report.files import check_path, write
from pytest_rtcmpu.report.json_report import from_json, merge, to_json
from pytest_rtcmpu.report.ledger import exit_status, ledger, ledgers
from pytest_rtcmpu.report.terminal import summary

__all__ = [
    "check_path",
    "exit_status",
    "from_json",
    "ledger",
    "ledgers",
    "merge",
    "summary",
    "to_json",
    "write",
]
