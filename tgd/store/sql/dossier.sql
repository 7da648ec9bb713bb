-- name: whole
-- Everything of a person that is not sealed, with what she agreed to and who holds her phone: her
-- latest assignment's.
SELECT b.id, b.label, b.listen, b.all_clear_word IS NOT NULL AS word_agreed, f.changed_at,
       a.id AS assignment_id, a.device_id, a.status, a.ends_at,
       (SELECT jsonb_object_agg(c.kind, c.given) FROM (
            SELECT DISTINCT ON (k.kind) k.kind, k.given FROM consent k WHERE k.assignment_id = a.id
            ORDER BY k.kind, k.no DESC) AS c) AS consents,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', o.id, 'label', o.label) ORDER BY o.label, o.id)
                 FROM linked_person l JOIN beneficiary o ON o.id = l.other WHERE l.one = b.id), '[]') AS linked,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', c.kind, 'value', c.value) ORDER BY c.kind, c.value)
                 FROM conflict c WHERE c.beneficiary_id = b.id AND c.lifted_at IS NULL), '[]') AS conflicts
FROM beneficiary b
LEFT JOIN person_file f ON f.beneficiary_id = b.id
LEFT JOIN LATERAL (
    SELECT s.* FROM assignment s WHERE s.beneficiary_id = b.id ORDER BY s.starts_at DESC LIMIT 1) a ON true
WHERE b.id = $1

-- name: releases
-- What was announced of the aggressor, oldest first.
SELECT id, kind, happens_at, outcome FROM release WHERE beneficiary_id = $1 ORDER BY happens_at, id

-- name: hold
-- Whoever changes what is known of a person takes turns; since when the file is as it is.
SELECT f.changed_at FROM beneficiary b LEFT JOIN person_file f ON f.beneficiary_id = b.id
WHERE b.id = $1 FOR NO KEY UPDATE OF b

-- name: listen
-- How her phone listens.
UPDATE beneficiary SET listen = $2 WHERE id = $1

-- name: word
-- The word that was agreed, sealed, and its key; null: none. The key of the one before goes.
WITH before AS (
    SELECT word_key FROM beneficiary WHERE id = $1 AND word_key IS NOT NULL
), gone AS (
    INSERT INTO dead_key (key, dead_at) SELECT word_key, $4 FROM before ON CONFLICT DO NOTHING
)
UPDATE beneficiary SET all_clear_word = $2, word_key = $3 WHERE id = $1

-- name: unlink
-- Nobody is linked to her but those who are named now.
DELETE FROM linked_person WHERE (one = $1 AND other <> ALL ($2::uuid[])) OR (other = $1 AND one <> ALL ($2::uuid[]))
