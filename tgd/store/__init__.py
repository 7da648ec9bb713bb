"""Rows: the only place that speaks to PostgreSQL.

Every hand-over between stages is a committed row, and this package is where they are written and
read. SQL stands in ``sql/*.sql``, each statement with a name and a sentence; the functions here
take a connection or a transaction and return plain values. Migrations are in ``migrations``.
"""
