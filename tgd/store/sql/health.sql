-- name: note
-- The latest word about each phone's health.
INSERT INTO device_health (device, heartbeat_at, batt, bs, conn, fw, lost_connection_at)
SELECT g.* FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::int[], $5::text[], $6::text[], $7::timestamptz[])
    AS g (device, heartbeat_at, batt, bs, conn, fw, lost_connection_at)
JOIN device d ON d.id = g.device
ORDER BY g.device
ON CONFLICT (device) DO UPDATE SET
    heartbeat_at = coalesce(excluded.heartbeat_at, device_health.heartbeat_at),
    batt = coalesce(excluded.batt, device_health.batt),
    bs = coalesce(excluded.bs, device_health.bs),
    conn = coalesce(excluded.conn, device_health.conn),
    fw = coalesce(excluded.fw, device_health.fw),
    lost_connection_at = coalesce(excluded.lost_connection_at, device_health.lost_connection_at)
