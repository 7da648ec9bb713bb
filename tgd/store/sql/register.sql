-- name: is_empty
-- Nothing of a register: it may be seeded.
SELECT NOT EXISTS (SELECT FROM tribunal) AND NOT EXISTS (SELECT FROM device)
   AND NOT EXISTS (SELECT FROM beneficiary)

-- name: has_device
-- Is this phone in the register?
SELECT EXISTS (SELECT FROM device WHERE id = $1)

-- name: is_out
-- Has this phone not been attested as returned?
SELECT EXISTS (SELECT FROM assignment WHERE device_id = $1 AND returned_at IS NULL)

-- name: one_seed_at_a_time
-- Of two seeds at once the second is to find the first one's rows.
LOCK TABLE device IN SHARE ROW EXCLUSIVE MODE

-- name: add_tribunal
-- One tribunal.
INSERT INTO tribunal (id, name, allocation, court) VALUES ($1, $2, $3, $4)

-- name: add_assigned
-- Phones of a tribunal, each with its holder, for six months by the calendar of France.
WITH given AS (
    SELECT gen_random_uuid() AS beneficiary_id, gen_random_uuid() AS assignment_id, device, label, located
    FROM unnest($2::text[], $3::text[], $4::boolean[]) AS g (device, label, located)
), phones AS (
    INSERT INTO device (id, tribunal_id, created_at) SELECT device, $1, $5::timestamptz FROM given
), holders AS (
    INSERT INTO beneficiary (id, label, created_at) SELECT beneficiary_id, label, $5::timestamptz FROM given
), assigned AS (
    INSERT INTO assignment (id, device_id, beneficiary_id, starts_at, term_at, handed_over_at, ends_at)
    SELECT assignment_id, device, beneficiary_id, $5::timestamptz, $5, $5, six_months_after($5) FROM given
)
INSERT INTO consent (assignment_id, kind, given, at, recorded_by)
SELECT assignment_id, 'location', located, $5::timestamptz, $6 FROM given ORDER BY device
