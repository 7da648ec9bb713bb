-- name: add_token
-- A program's bearer token, by its hash.
INSERT INTO token (id, role, name, created_at) VALUES ($1, $2, $3, $4)

-- name: place
-- When an operator is rung, and where they work.
UPDATE account SET ring_group = $2, site = $3 WHERE username = $1

-- name: revoke_tokens
-- End every token of that role and name.
UPDATE token SET revoked_at = $3 WHERE role = $1 AND name = $2 AND revoked_at IS NULL

-- name: tokens
-- Whose tokens these are, as far as they stand.
SELECT id, role, name FROM token WHERE id = ANY ($1::bytea[]) AND revoked_at IS NULL

-- name: add_account
-- A person's account; nothing comes back when the name is taken.
INSERT INTO account (username, password_hash, role, tribunal_id, created_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO NOTHING RETURNING id

-- name: set_totp
-- From now on (or no longer) a second factor is asked for.
UPDATE account SET totp_secret = $2 WHERE username = $1

-- name: disable
-- The account cannot log in any more; its sessions end with it (see session).
UPDATE account SET disabled_at = $2 WHERE username = $1 AND disabled_at IS NULL

-- name: account
-- What a login is checked against.
SELECT id, username, password_hash, totp_secret, role FROM account
WHERE username = $1 AND disabled_at IS NULL

-- name: open_session
-- A browser's session, by the hash of its cookie.
INSERT INTO web_session (id, account_id, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: sessions
-- Whose sessions these are, while they and their accounts stand.
SELECT s.id, a.username, a.role, a.tribunal_id, s.csrf, s.expires_at,
       coalesce(s.seen_at, s.created_at) AS seen_at
FROM web_session s JOIN account a ON a.id = s.account_id
WHERE s.id = ANY ($1::bytea[]) AND s.expires_at > $2 AND coalesce(s.seen_at, s.created_at) > $3
  AND a.disabled_at IS NULL

-- name: close_session
-- Log out.
DELETE FROM web_session WHERE id = $1

-- name: forget_sessions
-- Sessions that have run out are of no use to anybody.
DELETE FROM web_session WHERE expires_at <= $1

-- name: tribunal_of_alert
-- Under which tribunal's assignment an alert was opened.
SELECT d.tribunal_id
FROM alert a JOIN assignment s ON s.id = a.assignment_id JOIN device d ON d.id = s.device_id
WHERE a.id = $1
