"""``python -m pytest_rtcmpu`` is ``rtcmpu``."""

from pytest_rtcmpu.cli import main

raise SystemExit(main())
