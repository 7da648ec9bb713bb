-- name: one_import_at_a_time
-- Two imports, or an import and an activation, would each believe that theirs is the last.
LOCK TABLE zone_set IN SHARE ROW EXCLUSIVE MODE

-- name: add_set
-- A new set, not in force.
INSERT INTO zone_set (name, imported_at, sources, findings, zones, services)
VALUES ($1, $2, $3::jsonb, $4::jsonb, $5, $6) RETURNING no

-- name: drop_old
-- Keep the $1 latest besides the one in force.
DELETE FROM zone_set
WHERE NOT active AND no NOT IN (SELECT no FROM zone_set WHERE NOT active ORDER BY no DESC LIMIT $1)
RETURNING no

-- name: deactivate
-- Make place for another set.
UPDATE zone_set SET active = false WHERE active

-- name: activate
-- Put one set in force.
UPDATE zone_set SET active = true, activated_at = $2 WHERE no = $1

-- name: say
-- The servers look which set is in force.
SELECT pg_notify('tgd', 'zones')

-- name: sets
-- Every set, the latest first.
SELECT no, name, imported_at, activated_at, active, sources, findings, zones, services
FROM zone_set ORDER BY no DESC

-- name: active
-- The number of the set in force.
SELECT no FROM zone_set WHERE active

-- name: page
-- Some zones of set $1 after code $2, by code.
SELECT code, name, service, shape FROM zone WHERE set_no = $1 AND code > $2 ORDER BY code LIMIT $3

-- name: services
-- The services of set $1, by id.
SELECT id, institution, name FROM zone_service WHERE set_no = $1 ORDER BY id

-- name: used
-- The services that have a commune in set $1.
SELECT DISTINCT service FROM zone WHERE set_no = $1 AND service IS NOT NULL

-- name: rooms
-- What each control room answers for.
SELECT id, services FROM room ORDER BY id
