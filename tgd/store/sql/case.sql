-- name: of_case
-- The alert of a case.
SELECT id FROM alert WHERE case_id = $1

-- name: exported
-- That a case left this system is on the record, by whom and on what ground.
INSERT INTO journal (at, actor, alert_id, kind, details)
VALUES ($2, $3, $1, 'case_exported', jsonb_build_object('ground', $4::text))

-- name: journal
-- An alert's journal, with all that its hashes are made of.
SELECT chain, number, no, timestamptz_send(at) AS at, alert_id, assignment_id, kind, actor, details::text AS details,
       salt, content, hash
FROM journal WHERE chain = $1 ORDER BY number

-- name: checkpoint
-- The latest checkpoint that vouches for an alert's journal.
SELECT k.statement, k.signature, k.public_key,
       ARRAY(SELECT ROW(h.chain, h.number, h.hash) FROM journal_seal_head h WHERE h.seal_no = k.no ORDER BY h.chain)
           AS heads
FROM journal_seal k JOIN journal_seal_head s ON s.seal_no = k.no
WHERE s.chain = $1 ORDER BY k.no DESC LIMIT 1

-- name: one
-- A case by its alert: its number, whether it goes on, and whose it is.
SELECT a.case_id, a.status, s.beneficiary_id FROM alert a LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE a.id = $1

-- name: of_assignment
-- The cases of an assignment, the latest first.
SELECT id, case_id, opened_at, closed_at, status, verdict, outcome FROM alert
WHERE assignment_id = $1 ORDER BY opened_at DESC LIMIT 500
