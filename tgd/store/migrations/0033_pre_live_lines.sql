-- A control room's line is live once a named person of that room has confirmed an exercise that was
-- sent by it; a simulated room's never is. A line is probed while it is idle, and may have hours.

ALTER TABLE room ADD simulated boolean NOT NULL DEFAULT false;

ALTER TABLE room_line
    ADD hours             text,
    ADD days              int[],
    ADD live_since        timestamptz,
    ADD up                boolean,
    ADD probed_at         timestamptz,
    ADD changed_at        timestamptz,
    ADD failures          int NOT NULL DEFAULT 0,
    ADD certificate_until timestamptz;

-- What a line is: when this changes it is another, of which nothing is proved.
CREATE FUNCTION line_settings(p_line room_line) RETURNS jsonb LANGUAGE sql STABLE
RETURN to_jsonb(p_line) - ARRAY['room_id', 'line', 'token', 'timeout_s', 'hours', 'days', 'live_since', 'up',
                                'probed_at', 'changed_at', 'failures', 'certificate_until'];

-- One exercise by one line: the row is the hand-over, its id the distributionID.
CREATE TABLE exercise (
    id              uuid PRIMARY KEY,
    room_id         text NOT NULL REFERENCES room,
    line            int NOT NULL,
    settings        jsonb NOT NULL,
    case_id         text NOT NULL UNIQUE,
    state           text NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'sending', 'delivered', 'received', 'integrated', 'seen',
                                     'acknowledged', 'refused', 'expired')),
    asked_at        timestamptz NOT NULL,
    asked_by        text NOT NULL,
    expires_at      timestamptz NOT NULL,
    next_at         timestamptz NOT NULL,
    lease_until     timestamptz,
    attempts        int NOT NULL DEFAULT 0,
    delivered_at    timestamptz,
    error           text,
    acknowledged_at timestamptz,
    recorded_by     text,
    call_taker      bytea,
    key             bytea,
    CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CHECK ((state = 'acknowledged') = (acknowledged_at IS NOT NULL)),
    CHECK ((acknowledged_at IS NULL) = (recorded_by IS NULL) AND (call_taker IS NULL) = (recorded_by IS NULL))
);
CREATE INDEX exercise_room ON exercise (room_id, line, asked_at DESC);
CREATE INDEX exercise_open ON exercise (next_at) WHERE state NOT IN ('acknowledged', 'refused', 'expired');
GRANT SELECT, INSERT ON exercise TO tgd_app;
GRANT UPDATE (state, next_at, lease_until, attempts, delivered_at, error, acknowledged_at, recorded_by, call_taker,
              key) ON exercise TO tgd_app;
GRANT SELECT, DELETE ON exercise TO tgd_redactor;
