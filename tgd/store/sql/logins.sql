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

-- name: elsewhere
-- Whether an agency vouches for the account.
SELECT issuer IS NOT NULL FROM account WHERE username = $1

-- name: vouched
-- An agency vouches for somebody whose account it has already: what they are now.
UPDATE account SET role = $3, tribunal_id = $4, ring_group = $5, site = $6
WHERE issuer = $1 AND subject = $2 AND disabled_at IS NULL
RETURNING id, username, password_hash, totp_secret, role

-- name: vouched_first
-- The account of somebody for whom an agency vouches for the first time; nothing if the name is taken,
-- however it is written.
INSERT INTO account (username, password_hash, role, tribunal_id, ring_group, site, created_at, issuer, subject)
SELECT $1, $2, $3, $4, $5, $6, $7::timestamptz, $8, $9
WHERE NOT EXISTS (SELECT FROM account WHERE lower(username) = lower($1)) ON CONFLICT DO NOTHING
RETURNING id, username, password_hash, totp_secret, role

-- name: vouched_no_more
-- Every session of somebody whom an agency's claims grant nothing any more.
DELETE FROM web_session s USING account a
WHERE a.id = s.account_id AND a.issuer = $1 AND a.subject = $2 RETURNING a.username

-- name: use_state
-- An agency's answer serves once. Nothing comes back if it has served.
INSERT INTO oidc_state (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING hash

-- name: forget_states
-- Answers that would be too late by now need not be known.
DELETE FROM oidc_state WHERE expires_at <= $1
