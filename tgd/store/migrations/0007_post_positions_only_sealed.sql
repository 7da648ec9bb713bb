-- Once no older version serves: positions in clear have no place in the schema any more.

DELETE FROM position WHERE fix IS NULL;     -- an older version's, of its last minutes
DROP FUNCTION take_presses(
    timestamptz, int, text[], text[], uuid[], text[], bigint[], int[], float8[], timestamptz[], timestamptz[],
    float8[], text[], text[], int[], text[], bytea[], boolean[], bytea[], bytea[], bytea[], text[],
    float8[], float8[], float8[], float8[], text[], float8[], float8[], float8[], float8[], timestamptz[], text[]);
DROP FUNCTION open_alerts(
    timestamptz, int, bigint[], int[], holder[], text[],
    float8[], float8[], float8[], float8[], text[], float8[], float8[], float8[], float8[], timestamptz[], text[]);
ALTER TABLE position
    DROP COLUMN lat, DROP COLUMN lon, DROP COLUMN acc, DROP COLUMN confidence, DROP COLUMN method,
    DROP COLUMN alt, DROP COLUMN vac, DROP COLUMN vel, DROP COLUMN cog,
    ALTER COLUMN fix SET NOT NULL,
    ALTER COLUMN key SET NOT NULL;
ALTER TABLE alert ALTER COLUMN forget_at DROP DEFAULT;
