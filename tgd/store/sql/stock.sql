-- name: hold
-- The tribunals' rows, in their order: whoever has them decides about their phones alone.
SELECT id, allocation, reserve_floor, court FROM tribunal WHERE id = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE

-- name: tribunals
-- Every tribunal, or one; $2 persons who are not counted.
SELECT t.id, t.name, t.allocation, t.reserve_floor, t.court,
       (SELECT count(*)::int FROM device d WHERE d.tribunal_id = t.id AND d.muted_at IS NULL AND (
            d.lent_to IS NOT NULL OR EXISTS (
                SELECT FROM assignment a WHERE a.device_id = d.id AND a.returned_at IS NULL))
            AND NOT EXISTS (SELECT FROM assignment h WHERE h.device_id = d.id AND h.returned_at IS NULL
                            AND h.beneficiary_id = ANY ($2::uuid[]))) AS out,
       (SELECT count(*)::int FROM request r WHERE r.tribunal_id = t.id AND r.status IN ('open', 'waiting')
            AND r.beneficiary_id <> ALL ($2::uuid[])) AS waiting
FROM tribunal t WHERE $1::text IS NULL OR t.id = $1 ORDER BY t.id

-- name: allocate
-- How many phones a tribunal has, and how many of them stay for those who come tomorrow.
UPDATE tribunal SET allocation = coalesce($2, allocation), reserve_floor = coalesce($3, reserve_floor) WHERE id = $1

-- name: owners
-- Whose a phone is, and to whom it is lent.
SELECT tribunal_id, lent_to FROM device WHERE id = $1

-- name: phones
-- What a tribunal may give: its own but for what it has lent, and what others have lent to it.
SELECT d.id, d.state, a.id IS NOT NULL AS held, r.beneficiary_id AS reserved_for,
       d.compromised_at IS NOT NULL AS compromised, d.lent_to IS NOT NULL AS lent
FROM device d
LEFT JOIN assignment a ON a.device_id = d.id AND a.returned_at IS NULL
LEFT JOIN release r ON r.device_id = d.id AND r.evaluated_at IS NULL
WHERE d.lent_to = $1 OR (d.tribunal_id = $1 AND d.lent_to IS NULL)
ORDER BY d.id

-- name: phone
-- One phone under its lock.
SELECT d.id, d.state, a.id AS assignment_id, r.beneficiary_id AS reserved_for, d.tribunal_id, d.lent_to,
       d.compromised_at, d.compromised_by, d.muted_at, coalesce(d.label, d.id) AS label, d.imei, d.sim, d.key,
       EXISTS (SELECT FROM assignment p WHERE p.device_id = d.id) AS assigned_before
FROM device d
LEFT JOIN assignment a ON a.device_id = d.id AND a.returned_at IS NULL
LEFT JOIN release r ON r.device_id = d.id AND r.evaluated_at IS NULL
WHERE d.id = $1 FOR NO KEY UPDATE OF d

-- name: add
-- A phone that has come into the stock.
INSERT INTO device (id, tribunal_id, created_at, state, state_at, label, imei, generation, firmware, sim, key,
                    number_digest)
VALUES ($1, $2, $3, $4, $3, $5, $6, $7, $8, $9, $10, $11)

-- name: amend
-- What is known of a phone; what is not said stays. A SIM that goes takes its key with it.
WITH before AS (
    SELECT key FROM device WHERE id = $1 AND key IS NOT NULL AND $8::bytea IS NOT NULL
), gone AS (
    INSERT INTO dead_key (key, dead_at) SELECT key, $2 FROM before ON CONFLICT DO NOTHING
)
UPDATE device SET label = coalesce($3, label), imei = coalesce($4, imei), generation = coalesce($5, generation),
                  firmware = coalesce($6, firmware), sim = coalesce($7, sim), key = coalesce($8, key),
                  number_digest = CASE WHEN $8::bytea IS NULL THEN number_digest ELSE $9 END
WHERE id = $1

-- name: move
-- A phone's state, as a person says that it is; lost_at is what a press is marked by.
UPDATE device SET state = $2, state_at = $3, lost_at = CASE WHEN $2 IN ('lost', 'stolen') THEN coalesce(lost_at, $3) END
WHERE id = $1

-- name: lend
-- To whom a phone is lent; null: to nobody any more.
UPDATE device SET lent_to = $2, state = $3, state_at = $4 WHERE id = $1

-- name: compromise
-- The first of two persons.
UPDATE device SET compromised_at = $2, compromised_by = $3 WHERE id = $1

-- name: mute
-- The second one.
UPDATE device SET muted_at = $2, muted_by = $3 WHERE id = $1

-- name: wiped
-- Whatever the phone held of the person who had it is gone from it.
WITH emptied AS (
    UPDATE assignment SET wiped_at = $2, wiped_by = $3
    WHERE device_id = $1 AND returned_at IS NOT NULL AND wiped_at IS NULL RETURNING id
)
SELECT id FROM emptied

-- name: list
-- Phones with their holders and all that a red list looks at, by id; $1 a tribunal or all, $2 the
-- cursor, $4 one phone, $5 persons whose phones are not shown. Who has a phone is shown to the tribunal
-- that gave it: one that has lent it sees the phone.
SELECT d.id, d.tribunal_id, d.lent_to, d.state, d.state_at, coalesce(d.label, d.id) AS label, d.imei, d.generation,
       coalesce(h.fw, d.firmware) AS firmware, d.sim, d.key, d.lost_at, d.compromised_at, d.compromised_by,
       d.muted_at, d.muted_by, h.batt AS battery, h.heartbeat_at, h.lost_connection_at,
       a.id AS assignment_id, a.beneficiary_id, a.status, a.legal_basis, a.starts_at, a.ends_at,
       a.handed_over_at, a.tested_at, a.ended_at, b.label AS beneficiary, f.content AS file, f.key AS file_key,
       p.last_press_at, t.last_test_at, c.given AS consented, w.days AS seen_days, w.seen_at, w.seen_by,
       k.state AS credential, k.issued_at AS enrolled_at, k.expires_at AS certificate_until,
       NOT EXISTS (SELECT FROM assignment w WHERE w.device_id = d.id AND w.returned_at IS NOT NULL
                   AND w.wiped_at IS NULL) AS wiped,
       EXISTS (SELECT FROM release r WHERE r.beneficiary_id = a.beneficiary_id AND r.evaluated_at IS NULL)
           AS evaluation_due
FROM device d
LEFT JOIN device_health h ON h.device = d.id
LEFT JOIN assignment a ON a.device_id = d.id AND a.returned_at IS NULL AND ($1::text IS NULL OR a.tribunal_id = $1)
LEFT JOIN beneficiary b ON b.id = a.beneficiary_id
LEFT JOIN person_file f ON f.beneficiary_id = a.beneficiary_id
LEFT JOIN LATERAL (
    SELECT l.last_press_at FROM alert l WHERE l.device = d.id AND l.assignment_id IS NOT DISTINCT FROM a.id
    ORDER BY l.opened_at DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT max(k.decided_at) AS last_test_at FROM passed_test k
    WHERE k.device_id = d.id AND k.beneficiary_id = a.beneficiary_id) t ON true
LEFT JOIN LATERAL (
    SELECT k.given FROM consent k WHERE k.assignment_id = a.id AND k.kind = 'phone' ORDER BY k.no DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (
    SELECT n.days, n.seen_at, n.seen_by FROM term_warning n
    WHERE n.assignment_id = a.id AND n.ends_at = a.ends_at ORDER BY n.days LIMIT 1) w ON true
LEFT JOIN LATERAL (
    SELECT o.state, o.issued_at, o.expires_at FROM phone_credential o
    WHERE o.device_id = d.id ORDER BY o.issued_at DESC LIMIT 1) k ON true
WHERE ($1::text IS NULL OR $1 IN (d.tribunal_id, d.lent_to)) AND ($2::text IS NULL OR d.id > $2)
  AND ($4::text IS NULL OR d.id = $4)
  AND NOT EXISTS (SELECT FROM assignment x WHERE x.device_id = d.id AND x.returned_at IS NULL
                  AND x.beneficiary_id = ANY ($5::uuid[]))
  AND NOT EXISTS (SELECT FROM release x WHERE x.device_id = d.id AND x.evaluated_at IS NULL
                  AND x.beneficiary_id = ANY ($5::uuid[]))
ORDER BY d.id LIMIT $3

-- name: note
-- What was done, for the journal: ids and codes only.
INSERT INTO journal (at, actor, assignment_id, kind, details)
VALUES ($1, $2, $3, $4, under_key($5))

-- name: hint
-- Whoever shows the register looks at once.
SELECT pg_notify('tgd', 'register')
