-- name: add_token
-- A program's bearer token, by its hash.
INSERT INTO token (id, role, name, created_at) VALUES ($1, $2, $3, $4)

-- name: place
-- When an operator is rung, and where they work.
UPDATE account SET ring_group = $2, site = $3 WHERE username = $1

-- name: revoke_tokens
-- End every token of that role and name.
UPDATE token SET revoked_at = $3 WHERE role = $1 AND name = $2 AND revoked_at IS NULL

-- name: end_tokens
-- End the tokens of that role and name, or the one of them whose hash begins so.
UPDATE token SET revoked_at = $3
WHERE role = $1 AND name = $2 AND revoked_at IS NULL AND starts_with(encode(id, 'hex'), $4)

-- name: list_tokens
-- Every token by what it is called, never by what it is; those that stand first.
SELECT left(encode(id, 'hex'), 8) AS mark, role, name, created_at, revoked_at FROM token
WHERE $1 OR revoked_at IS NULL ORDER BY revoked_at IS NOT NULL, role, name, created_at

-- name: standing
-- How many tokens of that role and name stand.
SELECT count(*) FROM token WHERE role = $1 AND name = $2 AND revoked_at IS NULL

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

-- name: enable
-- The account can log in again.
UPDATE account SET disabled_at = NULL WHERE username = $1 AND disabled_at IS NOT NULL

-- name: list_accounts
-- Every account with how it proves itself, those that stand first.
SELECT username, role, tribunal_id, disabled_at, issuer IS NOT NULL AS vouched,
       totp_secret IS NOT NULL AS second_factor,
       (SELECT count(*) FROM recovery_code r WHERE r.account_id = a.id AND used_at IS NULL) AS codes
FROM account a ORDER BY disabled_at IS NOT NULL, username

-- name: exists
-- Whether there is an account of that name, however it is written, ended or not.
SELECT EXISTS (SELECT FROM account WHERE lower(username) = lower($1))

-- name: account
-- What a login is checked against.
SELECT id, username, password_hash, totp_secret, role FROM account
WHERE username = $1 AND disabled_at IS NULL

-- name: open_session
-- A browser's session, by the hash of its cookie; none by a password that was changed meanwhile, nor of an
-- account that was ended.
INSERT INTO web_session (id, account_id, csrf, created_at, expires_at)
SELECT $1::bytea, a.id, $3::text, $4::timestamptz, $5::timestamptz FROM account a
WHERE a.id = $2 AND a.password_hash = $6 AND a.disabled_at IS NULL FOR SHARE
RETURNING account_id

-- name: sessions
-- Whose sessions these are, while they and their accounts stand.
SELECT s.id, a.username, a.role, a.tribunal_id, s.csrf, s.expires_at,
       coalesce(s.seen_at, s.created_at) AS seen_at, a.issuer
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
SELECT s.tribunal_id FROM alert a JOIN assignment s ON s.id = a.assignment_id WHERE a.id = $1
