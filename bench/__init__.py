"""The benchmark: what the whole server does, beside what the machine could do at best.

Every figure is measured against real parts (PostgreSQL with fsync, Mosquitto with the project's
settings, the server and the control room as processes of their own) and stands beside a floor that
was measured in the same run. ``python -m bench`` runs it; docs/benchmark.md says how each figure
and its floor are defined. Nothing here asserts a duration: it measures and reports.
"""
