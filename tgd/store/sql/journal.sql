-- name: entries
-- Every entry, chain by chain, with the hash that a checkpoint vouches for and where its chain
-- should end; $1: only chains with an entry, or a checkpoint's head, as late as that.
SELECT j.chain, j.number, j.no, timestamptz_send(j.at) AS at, j.alert_id, j.assignment_id, j.kind, j.actor,
       j.details::text AS details, j.salt, j.content, j.hash,
       s.hash AS sealed, h.number AS head_number, h.hash AS head_hash
FROM journal j
LEFT JOIN journal_head h ON h.chain = j.chain
LEFT JOIN journal_seal_head s ON s.chain = j.chain AND s.number = j.number
WHERE $1::timestamptz IS NULL OR j.chain IN (SELECT l.chain FROM journal l WHERE l.at >= $1)
ORDER BY j.chain, j.number, j.no

-- name: count
-- About how much there is to verify.
SELECT count(*) FROM journal j
WHERE $1::timestamptz IS NULL OR j.chain IN (SELECT l.chain FROM journal l WHERE l.at >= $1)

-- name: missing
-- Entries that a checkpoint vouches for, or a head names, and that are not there: the first of each chain.
SELECT chain,
       least(min(number), (SELECT coalesce(max(j.number), 0) + 1 FROM journal j WHERE j.chain = named.chain)) AS number,
       min(seal_no) AS seal_no
FROM (SELECT s.chain, s.number, s.seal_no FROM journal_seal_head s
      UNION ALL SELECT h.chain, h.number, NULL FROM journal_head h) AS named
WHERE NOT EXISTS (SELECT FROM journal j WHERE j.chain = named.chain AND j.number = named.number)
GROUP BY chain ORDER BY chain

-- name: unsealed
-- Chains of which a checkpoint is said to vouch for more, or less, than any that is there does.
SELECT h.chain, h.sealed AS number
FROM journal_head h
LEFT JOIN (SELECT chain, max(number) AS number FROM journal_seal_head GROUP BY chain) AS s ON s.chain = h.chain
WHERE h.sealed <> coalesce(s.number, 0)
ORDER BY h.chain

-- name: seals
-- Every checkpoint.
SELECT no, statement, signature, public_key FROM journal_seal ORDER BY no

-- name: heads
-- What one checkpoint vouches for.
SELECT chain, number, hash FROM journal_seal_head WHERE seal_no = $1 ORDER BY chain

-- name: stray
-- Heads of checkpoints that are not there.
SELECT DISTINCT s.seal_no FROM journal_seal_head s
WHERE NOT EXISTS (SELECT FROM journal_seal k WHERE k.no = s.seal_no) ORDER BY 1

-- name: take_turns
-- One checkpoint at a time, whichever server makes it.
SELECT pg_advisory_xact_lock($1)

-- name: changed
-- Heads of the chains that go on since their last checkpoint. One that somebody is writing waits
-- for the next: nobody who writes may have to wait for two.
SELECT chain, number, hash FROM journal_head WHERE number > sealed
ORDER BY chain LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED

-- name: last_seal
-- The latest checkpoint.
SELECT no, statement, signature, public_key FROM journal_seal ORDER BY no DESC LIMIT 1

-- name: add_seal
-- A signed checkpoint, with the heads that it vouches for.
WITH made AS (
    INSERT INTO journal_seal (no, statement, signature, public_key) VALUES ($1, $2, $3, $4)
), kept AS (
    INSERT INTO journal_seal_head (seal_no, chain, number, hash)
    SELECT $1, * FROM unnest($5::uuid[], $6::bigint[], $7::bytea[])
)
UPDATE journal_head h SET sealed = n.number
FROM unnest($5::uuid[], $6::bigint[]) AS n (chain, number) WHERE h.chain = n.chain

-- name: become_redactor
-- Until the transaction ends.
SET LOCAL ROLE tgd_redactor

-- name: redact
-- Empty a chain's entries older than $2.
SELECT journal_redact($1, $2, $3, $4, $5)

-- name: become_server
-- As which the rest of the transaction goes on.
SET LOCAL ROLE tgd_app
