-- name: within
-- The addresses in rows of the grid's cells. Cells and nothing finer: parameters may be logged.
-- Row by row, or a planner without statistics yet (after an import) reads the whole table.
SELECT a.lat, a.lon, a.label
FROM unnest($1::bigint[], $2::bigint[]) AS r (low, high),
LATERAL (SELECT lat, lon, label FROM address WHERE cell BETWEEN r.low AND r.high OFFSET 0) AS a

-- name: one_import_at_a_time
-- Two imports of a department would leave it twice. Look-ups go on meanwhile.
LOCK TABLE address_extract IN SHARE ROW EXCLUSIVE MODE

-- name: drop
-- The addresses of a department.
DELETE FROM address WHERE department = $1

-- name: drop_extract
-- What was said of a department's extract.
DELETE FROM address_extract WHERE department = $1

-- name: put_extract
-- How many addresses a department has, so that nobody has to count them.
INSERT INTO address_extract (department, addresses, imported_at) VALUES ($1, $2, $3)

-- name: extracts
-- What has been imported.
SELECT department, addresses, imported_at FROM address_extract ORDER BY department

-- name: parameters_logged
-- Could the parameters of our statements come into the database's own log?
SELECT current_setting('log_parameter_max_length') <> '0'
   AND (current_setting('log_statement') IN ('mod', 'all')
        OR current_setting('log_min_duration_statement') <> '-1'
        OR current_setting('log_min_duration_sample') <> '-1'
        OR current_setting('log_transaction_sample_rate') <> '0')
