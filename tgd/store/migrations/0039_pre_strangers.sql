-- Somebody who is none of a broker's rooms writes to us there: said at the lines that go by it.
ALTER TABLE room_line ADD stranger_at timestamptz;

CREATE OR REPLACE FUNCTION line_settings(p_line room_line) RETURNS jsonb LANGUAGE sql STABLE
RETURN to_jsonb(p_line) - ARRAY['room_id', 'line', 'token', 'timeout_s', 'hours', 'days', 'live_since', 'up',
                                'probed_at', 'changed_at', 'failures', 'certificate_until', 'stranger_at'];
