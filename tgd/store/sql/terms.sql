-- Each erases, at most 500 at a time, what one row of terms.toml is about and began before $1; $2: not what
-- the prosecutor holds. Each returns how much went, and keys that are to be erased.

-- name: file
-- What is held on persons; $3 is what the term began with.
WITH over AS (
    SELECT b.id, b.key, b.word_key FROM beneficiary b JOIN person_term t ON t.id = b.id
    WHERE t.begins = $3 AND t.since <= $1 AND NOT ($2 AND t.held)
      AND (b.label <> '—' OR b.key IS NOT NULL OR b.all_clear_word IS NOT NULL
           OR EXISTS (SELECT FROM person_file f WHERE f.beneficiary_id = b.id)
           OR EXISTS (SELECT FROM known_place p WHERE p.beneficiary_id = b.id)
           OR EXISTS (SELECT FROM assignment s WHERE s.beneficiary_id = b.id AND s.key IS NOT NULL)
           OR EXISTS (SELECT FROM phone_test p WHERE p.beneficiary_id = b.id)
           OR EXISTS (SELECT FROM release e WHERE e.beneficiary_id = b.id)
           OR EXISTS (SELECT FROM entrusted e WHERE e.beneficiary_id = b.id)
           OR EXISTS (SELECT FROM linked_person l WHERE b.id IN (l.one, l.other)))
    LIMIT 500 FOR NO KEY UPDATE OF b
), files AS (
    DELETE FROM person_file f USING over WHERE f.beneficiary_id = over.id RETURNING f.key
), places AS (
    DELETE FROM known_place p USING over WHERE p.beneficiary_id = over.id RETURNING p.id
), tests AS (
    DELETE FROM phone_test t USING over WHERE t.beneficiary_id = over.id RETURNING t.no
), releases AS (
    DELETE FROM release e USING over WHERE e.beneficiary_id = over.id RETURNING e.id
), followers AS (
    DELETE FROM entrusted e USING over WHERE e.beneficiary_id = over.id RETURNING e.clearance_id
), links AS (
    DELETE FROM linked_person l USING over WHERE over.id IN (l.one, l.other) RETURNING l.one
), words AS (
    SELECT s.key FROM assignment s JOIN over ON over.id = s.beneficiary_id WHERE s.key IS NOT NULL
), unsaid AS (
    UPDATE assignment s SET content = NULL, key = NULL FROM over WHERE s.beneficiary_id = over.id AND s.key IS NOT NULL
), without AS (
    UPDATE beneficiary b SET label = '—', key = NULL, all_clear_word = NULL, word_key = NULL FROM over WHERE b.id = over.id
)
SELECT jsonb_build_object(
           'persons', (SELECT count(*) FROM over), 'files', (SELECT count(*) FROM files),
           'places', (SELECT count(*) FROM places), 'tests', (SELECT count(*) FROM tests),
           'releases', (SELECT count(*) FROM releases), 'followers', (SELECT count(*) FROM followers),
           'links', (SELECT count(*) FROM links)) AS counts,
       ARRAY(SELECT k.key FROM (SELECT key FROM over UNION SELECT word_key FROM over
                           UNION SELECT key FROM files UNION SELECT key FROM words) AS k
             WHERE k.key IS NOT NULL) AS dead

-- name: recontact
-- Calls back.
WITH gone AS (
    DELETE FROM recontact r WHERE r.id IN (
        SELECT c.id FROM recontact c
        WHERE c.due_at <= $1 AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.alert_id = c.alert_id))
        LIMIT 500) RETURNING r.id
)
SELECT jsonb_build_object('calls', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: test_of_nobody
-- Tests of phones that nobody held.
WITH gone AS (
    DELETE FROM phone_test t WHERE t.no IN (
        SELECT p.no FROM phone_test p
        WHERE p.beneficiary_id IS NULL AND p.decided_at <= $1
          AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.alert_id = p.alert_id))
        LIMIT 500) RETURNING t.no
)
SELECT jsonb_build_object('tests', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: conflict_lifted
-- Locks that are none any more.
WITH gone AS (
    DELETE FROM conflict c WHERE c.id IN (
        SELECT l.id FROM conflict l
        WHERE l.lifted_at <= $1
          AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = l.beneficiary_id))
        LIMIT 500) RETURNING c.id
)
SELECT jsonb_build_object('conflicts', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: glass
-- Files that were opened outside of rights or term.
WITH gone AS (
    DELETE FROM break_glass g WHERE g.id IN (
        SELECT o.id FROM break_glass o
        WHERE o.at <= $1
          AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = o.beneficiary_id))
        LIMIT 500) RETURNING g.key
)
SELECT jsonb_build_object('openings', count(*)) AS counts,
       coalesce(array_agg(key) FILTER (WHERE key IS NOT NULL), '{}') AS dead FROM gone

-- name: exercise
-- Exercises by lines of control rooms; since when a line is live stays with the line.
WITH gone AS (
    DELETE FROM exercise x WHERE x.id IN (SELECT o.id FROM exercise o WHERE o.asked_at <= $1 LIMIT 500) RETURNING x.key
)
SELECT jsonb_build_object('exercises', count(*)) AS counts,
       coalesce(array_agg(key) FILTER (WHERE key IS NOT NULL), '{}') AS dead FROM gone

-- name: heard
-- What rooms have said; while an alert of which it speaks is open, it might change it again.
WITH gone AS (
    DELETE FROM heard h USING (
        SELECT o.room_id, o.id FROM heard o
        WHERE o.heard_at <= $1
          AND NOT EXISTS (SELECT FROM alert a WHERE a.id = ANY (o.alerts) AND a.status <> 'closed')
        LIMIT 500) AS over
    WHERE h.room_id = over.room_id AND h.id = over.id RETURNING h.id
)
SELECT jsonb_build_object('messages', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: chains_journal_alert
-- Alerts of whose journal something is to be redacted.
SELECT a.id FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.status = 'closed' AND a.closed_at <= $1 AND (s.id IS NULL OR s.returned_at <= $1)
  AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.alert_id = a.id))
  AND EXISTS (SELECT FROM journal_head h JOIN journal j ON j.chain = h.chain AND j.number > h.redacted
              WHERE h.chain = a.id AND j.kind <> 'redacted')
ORDER BY a.id LIMIT 500

-- name: chains_journal_assignment
-- Assignments of whose journal something is to be redacted.
SELECT s.id FROM assignment s
WHERE s.returned_at <= $1
  AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = s.beneficiary_id))
  AND EXISTS (SELECT FROM journal_head h JOIN journal j ON j.chain = h.chain AND j.number > h.redacted
              WHERE h.chain = s.id AND j.kind <> 'redacted')
ORDER BY s.id LIMIT 500

-- name: alert
-- The bare rows of alerts of which nothing else is left, with their presses, dispatches and calls.
WITH over AS (
    SELECT a.id FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
    WHERE a.status = 'closed' AND a.closed_at <= $1 AND (s.id IS NULL OR s.returned_at <= $1)
      AND a.forget_at IS NULL AND a.key IS NULL
      AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.alert_id = a.id))
      AND NOT EXISTS (SELECT FROM position p WHERE p.alert_id = a.id)
      AND NOT EXISTS (SELECT FROM recontact c WHERE c.alert_id = a.id)
      AND NOT EXISTS (SELECT FROM phone_test t WHERE a.id IN (t.alert_id, t.voided_for))
    LIMIT 500
), presses AS (
    DELETE FROM alert_press k USING over WHERE k.alert_id = over.id RETURNING k.press_no
), pressed AS (
    DELETE FROM press p USING presses WHERE p.no = presses.press_no RETURNING p.no
), tasks AS (
    DELETE FROM task t USING over WHERE t.alert_id = over.id
), deadlines AS (
    DELETE FROM deadline d USING over WHERE d.alert_id = over.id
), envelopes AS (
    DELETE FROM envelope e USING over WHERE e.alert_id = over.id
), dispatches AS (
    DELETE FROM dispatch d USING over WHERE d.alert_id = over.id
), notes AS (
    DELETE FROM note n USING over WHERE n.alert_id = over.id
), decided AS (
    DELETE FROM retention r USING over WHERE r.alert_id = over.id
), later AS (
    UPDATE alert a SET follows = NULL FROM over
    WHERE a.follows = over.id AND a.id NOT IN (SELECT o.id FROM over o)
), gone AS (
    DELETE FROM alert a USING over WHERE a.id = over.id RETURNING a.id
)
SELECT jsonb_build_object('alerts', (SELECT count(*) FROM gone), 'presses', (SELECT count(*) FROM pressed)) AS counts,
       '{}'::bytea[] AS dead

-- name: assignment
-- The bare rows of assignments.
WITH over AS (
    SELECT s.id FROM assignment s
    WHERE s.returned_at <= $1 AND s.key IS NULL
      AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = s.beneficiary_id))
      AND NOT EXISTS (SELECT FROM alert a WHERE a.assignment_id = s.id)
      AND NOT EXISTS (SELECT FROM phone_test t WHERE t.assignment_id = s.id)
    LIMIT 500
), consents AS (
    DELETE FROM consent c USING over WHERE c.assignment_id = over.id
), later AS (
    UPDATE assignment s SET replaces = NULL FROM over
    WHERE s.replaces = over.id AND s.id NOT IN (SELECT o.id FROM over o)
), gone AS (
    DELETE FROM assignment s USING over WHERE s.id = over.id RETURNING s.id
)
SELECT jsonb_build_object('assignments', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: request
-- The bare rows of requests.
WITH gone AS (
    DELETE FROM request q WHERE q.id IN (
        SELECT r.id FROM request r
        WHERE r.status NOT IN ('open', 'waiting') AND r.decided_at <= $1
          AND NOT EXISTS (SELECT FROM assignment s WHERE s.request_id = r.id)
          AND NOT ($2 AND EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = r.beneficiary_id))
        LIMIT 500) RETURNING q.id
)
SELECT jsonb_build_object('requests', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: person
-- The last row about a person, and the locks that hid her.
WITH over AS (
    SELECT b.id FROM beneficiary b JOIN person_term t ON t.id = b.id
    WHERE t.since <= $1 AND NOT ($2 AND t.held) AND b.label = '—' AND b.key IS NULL AND b.all_clear_word IS NULL
      AND NOT EXISTS (SELECT FROM assignment s WHERE s.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM request r WHERE r.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM release r WHERE r.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM person_file f WHERE f.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM known_place p WHERE p.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM entrusted e WHERE e.beneficiary_id = b.id)
      AND NOT EXISTS (SELECT FROM linked_person l WHERE b.id IN (l.one, l.other))
      AND NOT EXISTS (SELECT FROM phone_test p WHERE p.beneficiary_id = b.id)
    LIMIT 500 FOR UPDATE OF b
), locks AS (
    DELETE FROM conflict c USING over WHERE c.beneficiary_id = over.id RETURNING c.id
), gone AS (
    DELETE FROM beneficiary b USING over WHERE b.id = over.id RETURNING b.id
)
SELECT jsonb_build_object('persons', (SELECT count(*) FROM gone), 'conflicts', (SELECT count(*) FROM locks)) AS counts,
       '{}'::bytea[] AS dead

-- name: sim
-- The numbers of a phone that serves nobody any more.
WITH over AS (
    SELECT d.id, d.key FROM device d
    WHERE d.key IS NOT NULL AND (d.state IN ('lost', 'stolen', 'broken') OR d.muted_at IS NOT NULL)
      AND greatest(d.state_at, d.muted_at) <= $1
      AND NOT EXISTS (SELECT FROM assignment s WHERE s.device_id = d.id AND s.returned_at IS NULL)
    LIMIT 500 FOR NO KEY UPDATE OF d
), gone AS (
    UPDATE device d SET sim = NULL, key = NULL, number_digest = NULL FROM over WHERE d.id = over.id RETURNING d.id
)
SELECT jsonb_build_object('cards', (SELECT count(*) FROM gone)) AS counts, ARRAY(SELECT key FROM over) AS dead

-- name: following
-- Who followed whom, and who was cleared for it.
WITH over AS (
    SELECT k.id, least(k.ended_at, c.ended_at, c.ends_at) AS ended
    FROM clearance k JOIN convention c ON c.id = k.convention_id
), followers AS (
    DELETE FROM entrusted e USING over WHERE e.clearance_id = over.id AND least(e.ended_at, over.ended) <= $1
    RETURNING e.clearance_id
), gone AS (
    DELETE FROM clearance k USING over WHERE k.id = over.id AND over.ended <= $1 RETURNING k.id
)
SELECT jsonb_build_object('followers', (SELECT count(*) FROM followers), 'clearances', (SELECT count(*) FROM gone))
           AS counts, '{}'::bytea[] AS dead

-- name: convention
-- Conventions that have ended.
WITH gone AS (
    DELETE FROM convention c
    WHERE least(c.ended_at, c.ends_at) <= $1 AND NOT EXISTS (SELECT FROM clearance k WHERE k.convention_id = c.id)
    RETURNING c.id
)
SELECT jsonb_build_object('conventions', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: account
-- Accounts that were closed.
WITH gone AS (
    DELETE FROM account a
    WHERE a.disabled_at <= $1 AND NOT EXISTS (SELECT FROM clearance k WHERE k.account_id = a.id)
    RETURNING a.id
)
SELECT jsonb_build_object('accounts', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: token
-- Tokens that were revoked.
WITH gone AS (DELETE FROM token t WHERE t.revoked_at <= $1 RETURNING t.id)
SELECT jsonb_build_object('tokens', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: presence
-- Who was last seen when.
WITH gone AS (DELETE FROM presence p WHERE p.seen_at <= $1 RETURNING p.name)
SELECT jsonb_build_object('operators', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: session
-- Sessions that have run out.
WITH gone AS (DELETE FROM web_session s WHERE s.expires_at <= $1 RETURNING s.no)
SELECT jsonb_build_object('sessions', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: login
-- Failed logins.
WITH gone AS (DELETE FROM login_delay d WHERE d.last_at <= $1 RETURNING d.who)
SELECT jsonb_build_object('failures', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: credential
-- Credentials in whose place another came.
WITH gone AS (
    DELETE FROM phone_credential c
    WHERE c.ended_at <= $1 AND c.settled_at IS NOT NULL AND EXISTS (
        SELECT FROM phone_credential l WHERE l.device_id = c.device_id AND l.issued_at > c.issued_at)
    RETURNING c.id
)
SELECT jsonb_build_object('credentials', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: downlink
-- What no broker took for a phone.
WITH gone AS (DELETE FROM downlink d WHERE d.at <= $1 RETURNING d.no)
SELECT jsonb_build_object('messages', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: quarantine
-- What could not be read.
WITH gone AS (DELETE FROM quarantine q WHERE q.received_at <= $1 RETURNING q.no)
SELECT jsonb_build_object('messages', count(*)) AS counts, '{}'::bytea[] AS dead FROM gone

-- name: sooner
-- Alerts that nobody has looked at yet, where the shortest term $1 is less than the three days that they open with.
UPDATE alert SET forget_at = opened_at + $1::interval
WHERE forget_at = opened_at + interval '3 days' AND $1::interval < interval '3 days'
