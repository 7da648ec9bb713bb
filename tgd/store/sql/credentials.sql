-- name: add
-- A new credential of a phone; its secrets are sealed.
INSERT INTO phone_credential (id, device_id, serial, password, mac_key, issued_at, issued_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: active
-- The credential with which a phone comes in, locked; none where it has none.
SELECT id, device_id, serial, state, issued_at, expires_at FROM phone_credential
WHERE device_id = $1 AND state = 'active' FOR UPDATE

-- name: rotate
-- Another takes its place; what the phone comes in with by HTTPS stays.
UPDATE phone_credential SET state = 'rotated', ended_at = $2, ended_by = $3, password = NULL, mac_key = NULL,
                            settled_at = $2
WHERE device_id = $1 AND state = 'active'

-- name: end
-- How many credentials ended.
SELECT end_credentials($1, $2, $3, $4)

-- name: register
-- What every broker is to say: the latest credential of each phone.
SELECT DISTINCT ON (device_id) id, device_id, serial, state, password, settled_at
FROM phone_credential ORDER BY device_id, issued_at DESC, state = 'active' DESC

-- name: settle
-- Every broker says the same of these, as they were read: what has changed meanwhile is looked at again.
-- What came before them is settled with them.
UPDATE phone_credential c SET settled_at = $3
FROM unnest($1::uuid[], $2::text[]) AS r (id, state) JOIN phone_credential l ON l.id = r.id
WHERE c.device_id = l.device_id AND c.settled_at IS NULL
  AND (c.id = l.id AND c.state = r.state OR c.id <> l.id AND c.ended_at <= l.issued_at)

-- name: mac_keys
-- The key of each phone's messages.
SELECT id, device_id, mac_key FROM phone_credential WHERE state = 'active'

-- name: listed
-- Each phone of the register with its latest credential, if any.
SELECT d.id AS device, c.serial, c.state, c.issued_at, c.expires_at, c.settled_at
FROM device d LEFT JOIN LATERAL (
    SELECT * FROM phone_credential WHERE device_id = d.id
    ORDER BY issued_at DESC, state = 'active' DESC LIMIT 1
) c ON true
ORDER BY d.id

-- name: figures
-- Phones without a credential, credentials that expire before $1, changes that no broker says yet.
SELECT (SELECT count(*) FROM device d WHERE NOT EXISTS (
            SELECT FROM phone_credential c WHERE c.device_id = d.id))::int AS without,
       count(*) FILTER (WHERE state = 'active' AND expires_at < $1)::int AS expiring,
       count(*) FILTER (WHERE settled_at IS NULL)::int AS unsettled
FROM phone_credential
