"""The demo: generated images, a ladder of weakly supervised detectors trained on them, tables and a report."""
