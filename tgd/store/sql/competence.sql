-- name: where
-- The rooms (with the lines of the adapters $2) in the row without an alert; and of each alert of
-- $1 its holder and its latest positions.
SELECT NULL::uuid AS alert_id, NULL::uuid AS beneficiary_id, NULL::"position"[] AS positions,
       (SELECT jsonb_agg(jsonb_build_object(
                   'id', r.id, 'name', r.name, 'phone', r.phone, 'is_default', r.is_default,
                   'services', r.services,
                   'lines', ARRAY(SELECT l.line FROM room_line l
                                  WHERE l.room_id = r.id AND l.adapter = ANY ($2::text[]) ORDER BY l.line))
               ORDER BY r.id)
        FROM room r) AS rooms
UNION ALL
SELECT a.id,
       -- By its key: of five hundred alerts a join would read every assignment there is.
       (SELECT s.beneficiary_id FROM assignment s WHERE s.id = a.assignment_id),
       ARRAY(SELECT p FROM position p WHERE p.alert_id = a.id ORDER BY p.no DESC LIMIT 12), NULL
FROM alert a
WHERE a.id = ANY ($1::uuid[])
