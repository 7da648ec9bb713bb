-- name: know
-- A row for whoever tries, so that it can be held.
INSERT INTO login_delay (who, failures, last_at)
SELECT who, 0, $2 FROM unnest($1::bytea[]) AS who ORDER BY who ON CONFLICT DO NOTHING

-- name: hold
-- How often who tries has failed, held until this attempt is counted.
SELECT who, failures, last_at FROM login_delay WHERE who = ANY ($1::bytea[]) ORDER BY who FOR UPDATE

-- name: count
-- One more attempt that has failed unless it is taken back.
UPDATE login_delay SET failures = $2, last_at = $3 WHERE who = $1

-- name: clear
-- Whoever this is has shown who they are, or was let off.
DELETE FROM login_delay WHERE who = ANY ($1::bytea[]) RETURNING who

-- name: take_back
-- One attempt was right after all.
UPDATE login_delay SET failures = greatest(failures - 1, 0) WHERE who = $1

-- name: forget
-- Failures so old that they slow nobody down.
DELETE FROM login_delay WHERE who IN (
    SELECT who FROM login_delay WHERE last_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED
)

-- name: spend
-- The code of a second factor, or a recovery code, is used up. True if it was good for that.
WITH step AS (
    UPDATE account SET totp_step = $2 WHERE id = $1 AND totp_step < $2 RETURNING id
), code AS (
    UPDATE recovery_code SET used_at = $4
    WHERE account_id = $1 AND hash = $3 AND used_at IS NULL RETURNING account_id
)
SELECT EXISTS (SELECT FROM step) OR EXISTS (SELECT FROM code)

-- name: forget_codes
-- The recovery codes that an account has had.
DELETE FROM recovery_code r USING account a WHERE a.id = r.account_id AND a.username = $1

-- name: add_codes
-- New recovery codes of an account that has a second factor.
INSERT INTO recovery_code (account_id, hash, made_at)
SELECT a.id, hash, $3 FROM account a, unnest($2::bytea[]) AS hash
WHERE a.username = $1 AND a.totp_secret IS NOT NULL

-- name: password
-- A new password.
UPDATE account SET password_hash = $2 WHERE username = $1

-- name: end_others
-- Every session of an account but one.
DELETE FROM web_session s USING account a
WHERE a.id = s.account_id AND a.username = $1 AND s.id IS DISTINCT FROM $2 RETURNING s.no

-- name: used
-- Sessions that are being used; so often and no oftener is it written down.
UPDATE web_session SET seen_at = $2::timestamptz
WHERE id = ANY ($1::bytea[]) AND coalesce(seen_at, created_at) <= $2::timestamptz - interval '1 minute'

-- name: listed
-- Sessions that stand, of one account or of all, the latest used first.
SELECT s.id, s.no, a.username, a.role, s.created_at, coalesce(s.seen_at, s.created_at) AS seen_at, s.expires_at
FROM web_session s JOIN account a ON a.id = s.account_id
WHERE s.expires_at > $1 AND coalesce(s.seen_at, s.created_at) > $2 AND a.disabled_at IS NULL
  AND ($3::text IS NULL OR a.username = $3)
ORDER BY 6 DESC, s.no LIMIT $4

-- name: end
-- End a session; of one account only, unless null.
DELETE FROM web_session s USING account a
WHERE a.id = s.account_id AND s.no = $1 AND ($2::text IS NULL OR a.username = $2) RETURNING a.username
