"""HTML report of active learning: ``python tools/active_report.py WORK_DIR...``; see ``wsod_mm.active.report``."""

import sys

from wsod_mm.active.report_cli import report_main

if __name__ == '__main__':
    sys.exit(report_main())
