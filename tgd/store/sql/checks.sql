-- name: server
-- The server, what it does to keep a commit, and its clock.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('full_page_writes') AS full_page_writes,
       clock_timestamp() AS now

-- name: role
-- May we work as tgd_app? Null where there is no such role.
SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'tgd_app'

-- name: excess
-- Rights by which the server could rewrite what it must only add to.
SELECT w.privilege || ' on ' || w.relation AS held
FROM (VALUES ('journal', 'UPDATE'), ('journal', 'DELETE'), ('journal', 'TRUNCATE'),
             ('journal_head', 'INSERT'), ('journal_head', 'UPDATE'), ('journal_head', 'DELETE'),
             ('journal_seal', 'UPDATE'), ('journal_seal', 'DELETE'), ('journal_seal_head', 'UPDATE'),
             ('journal_seal_head', 'DELETE'),
             ('consent', 'UPDATE'), ('consent', 'DELETE'), ('consent', 'TRUNCATE'),
             ('press', 'DELETE'), ('press', 'TRUNCATE'), ('alert', 'DELETE'), ('alert', 'TRUNCATE'),
             ('dispatch', 'DELETE'), ('dispatch', 'TRUNCATE')) AS w (relation, privilege)
WHERE to_regclass(w.relation) IS NOT NULL
  AND has_table_privilege('tgd_app', to_regclass(w.relation), w.privilege)
ORDER BY 1

-- name: keys
-- What the latest raw presses that are still kept are sealed under, newest first.
SELECT raw_key AS key FROM press WHERE raw_key IS NOT NULL ORDER BY no DESC LIMIT 50

-- name: register
-- The phones and how many of them are in somebody's hands.
SELECT (SELECT count(*)::int FROM device) AS phones,
       (SELECT count(*)::int FROM assignment WHERE ended_at IS NULL) AS assigned,
       (SELECT count(*)::int FROM device WHERE lost_at IS NOT NULL) AS lost
