-- name: where
-- The rooms with their electronic lines in the row without an alert; and of each alert of $1 its
-- holder, its latest positions ($2: whether they are read) and who must not know of her.
SELECT NULL::uuid AS alert_id, NULL::uuid AS beneficiary_id, NULL::"position"[] AS positions,
       ARRAY(SELECT r FROM room r ORDER BY r.id) AS rooms,
       ARRAY(SELECT l FROM room_line l WHERE l.adapter <> 'voice' ORDER BY l.room_id, l.line) AS lines,
       NULL::jsonb AS locks
UNION ALL
SELECT a.id,
       -- By its key: of five hundred alerts a join would read every assignment there is.
       (SELECT s.beneficiary_id FROM assignment s WHERE s.id = a.assignment_id),
       CASE WHEN $2 THEN ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT 12)
            ELSE '{}' END, NULL, NULL,
       (SELECT jsonb_agg(jsonb_build_array(l.kind, l.value)) FROM standing_lock l
        WHERE l.beneficiary_id = (SELECT s.beneficiary_id FROM assignment s WHERE s.id = a.assignment_id))
FROM alert a
WHERE a.id = ANY ($1::uuid[])
