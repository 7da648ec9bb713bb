"""A register that an older version has filled goes on: nobody loses a phone, none is forgotten."""

import asyncpg

from tgd.store.migrate import migrate, migrations

OLD = """
INSERT INTO tribunal (id, name) VALUES ('poitiers', 'Tribunal fictif');
INSERT INTO device (id, tribunal_id, lost_at) VALUES
    ('held', 'poitiers', NULL), ('lost', 'poitiers', now()), ('back', 'poitiers', NULL),
    ('stock', 'poitiers', NULL), ('again', 'poitiers', NULL);
INSERT INTO beneficiary (label)
SELECT 'Bénéficiaire ' || d.id FROM device d UNION ALL SELECT 'Bénéficiaire before';
INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at, ended_at, returned_at)
SELECT 'again', id, '2026-01-01', '2026-07-01', '2026-03-01', NULL FROM beneficiary
WHERE label = 'Bénéficiaire before';
INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at, ended_at, returned_at)
SELECT d.id, b.id, '2026-04-01', '2026-10-01',
       CASE WHEN d.id = 'back' THEN '2026-05-01'::timestamptz END,
       CASE WHEN d.id = 'back' THEN '2026-05-02'::timestamptz END
FROM device d JOIN beneficiary b ON b.label = 'Bénéficiaire ' || d.id WHERE d.id <> 'stock';
"""


async def test_what_the_seed_of_an_older_version_left_is_whole(empty_database: str) -> None:
    register = next(m.number for m in migrations() if m.name == "register")
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute(
            "CREATE TABLE schema_migration (number int PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for migration in migrations():
            if migration.number < register:
                await connection.execute(migration.text)
                await connection.execute(
                    "INSERT INTO schema_migration (number, name) VALUES ($1, $2)",
                    *(migration.number, migration.name),
                )
        await connection.execute(OLD)
        await migrate(empty_database)
        states = dict(await connection.fetch("SELECT id, state FROM device"))
        assert states == {
            "held": "handed_over",
            "lost": "lost",
            "back": "returned",
            "stock": "in_stock",
            "again": "handed_over",
        }
        assert await connection.fetchval("SELECT allocation FROM tribunal") == 5
        held = await connection.fetch(
            "SELECT device_id, status FROM assignment WHERE returned_at IS NULL ORDER BY 1"
        )
        # Nothing says that a press was heard: they stand on the red list until one was.
        assert [tuple(row) for row in held] == [
            ("again", "handed_over"),
            ("held", "handed_over"),
            ("lost", "handed_over"),
        ]
        whose = await connection.fetchval("SELECT array_agg(DISTINCT tribunal_id) FROM assignment")
        assert whose == ["poitiers"]
        known = await connection.fetch("SELECT device FROM holder WHERE assignment_id IS NOT NULL")
        assert {row["device"] for row in known} == {"held", "lost", "again"}
    finally:
        await connection.close()
