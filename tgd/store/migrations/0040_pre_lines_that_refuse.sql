-- A line that answers and refuses whatever is sent by it, as sendings have found; and until when our own
-- certificate on it is valid.
ALTER TABLE room_line
    ADD refuses_since         timestamptz,
    ADD refusal               text,
    ADD own_certificate_until timestamptz;

CREATE OR REPLACE FUNCTION line_settings(p_line room_line) RETURNS jsonb LANGUAGE sql STABLE
RETURN to_jsonb(p_line) - ARRAY['room_id', 'line', 'token', 'timeout_s', 'hours', 'days', 'live_since', 'up',
                                'probed_at', 'changed_at', 'failures', 'certificate_until', 'stranger_at',
                                'refuses_since', 'refusal', 'own_certificate_until'];
