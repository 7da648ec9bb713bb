-- The whole first schema. Tables stand in the order in which things happen to a press:
-- the register it is looked up in, the press, its alert, the deadlines, the way to the
-- police, the journal, and the people who act. A row may refer to what came before it,
-- never to what comes after.

-- ── The register ────────────────────────────────────────────────────────────────────

CREATE TABLE tribunal (
    id   text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,64}$'),
    name text NOT NULL
);

CREATE TABLE device (
    id          text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    tribunal_id text NOT NULL REFERENCES tribunal,
    number      text,                       -- its telephone number, E.164
    lost_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE beneficiary (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    label          text NOT NULL,           -- what may be shown to a room; never a name
    listen         text NOT NULL DEFAULT 'mic_only' CHECK (listen IN ('mic_only', 'none', 'duplex')),
    all_clear_word bytea,                   -- sealed; null when none was agreed
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- Article 41-3-1 of the Code de procédure pénale: six months, renewable, revocable.
CREATE TABLE assignment (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device_id      text NOT NULL REFERENCES device,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL CHECK (ends_at > starts_at),
    ended_at       timestamptz,             -- revoked or run out
    returned_at    timestamptz CHECK (returned_at IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX assignment_one_active_per_device ON assignment (device_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX assignment_one_active_per_beneficiary ON assignment (beneficiary_id) WHERE ended_at IS NULL;
CREATE INDEX assignment_device ON assignment (device_id, starts_at DESC);

-- The latest row speaks. Being located is a consent of its own, apart from carrying the phone.
CREATE TABLE consent (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id uuid NOT NULL REFERENCES assignment,
    kind          text NOT NULL CHECK (kind IN ('location')),
    given         boolean NOT NULL,
    at            timestamptz NOT NULL,
    recorded_by   text NOT NULL
);
CREATE INDEX consent_latest ON consent (assignment_id, kind, no DESC);

-- What the register says of each phone: who holds it, and whether she agreed to be located.
-- An ended assignment keeps its last consent until the phone is back.
CREATE VIEW holder AS
SELECT d.id AS device,
       a.id AS assignment_id,
       a.beneficiary_id,
       coalesce(b.listen, 'mic_only') AS listen,
       CASE WHEN a.id IS NULL THEN 'unknown' WHEN c.given THEN 'given' ELSE 'refused' END AS consent,
       array_remove(ARRAY[
           CASE WHEN a.id IS NULL THEN 'device_unassigned' END,
           CASE WHEN a.ended_at IS NOT NULL OR a.ends_at < now() THEN 'assignment_ended' END,
           CASE WHEN d.lost_at IS NOT NULL THEN 'device_lost' END,
           CASE WHEN a.id IS NULL THEN 'consent_unknown' END,
           CASE WHEN a.id IS NOT NULL AND c.given IS NOT TRUE THEN 'location_refused' END
       ], NULL) AS doubts
FROM device d
LEFT JOIN LATERAL (
    SELECT * FROM assignment
    WHERE device_id = d.id AND returned_at IS NULL
    ORDER BY starts_at DESC LIMIT 1
) a ON true
LEFT JOIN beneficiary b ON b.id = a.beneficiary_id
LEFT JOIN LATERAL (
    SELECT given FROM consent
    WHERE assignment_id = a.id AND kind = 'location'
    ORDER BY no DESC LIMIT 1
) c ON true;

CREATE TABLE room (
    id            text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9._-]{1,64}$'),
    name          text NOT NULL,
    institution   text NOT NULL CHECK (institution IN ('PN', 'GN', 'PP')),
    address       text NOT NULL,            -- its CISU identifier
    services      text[] NOT NULL DEFAULT '{}',
    phone         text,
    is_default    boolean NOT NULL DEFAULT false,
    neighbour     text,
    inbound_token bytea UNIQUE              -- SHA-256 of the token with which it calls us
);
CREATE UNIQUE INDEX room_one_default ON room (is_default) WHERE is_default;

CREATE TABLE room_line (
    room_id   text NOT NULL REFERENCES room ON DELETE CASCADE,
    line      int NOT NULL CHECK (line >= 0),
    adapter   text NOT NULL CHECK (adapter IN ('https', 'amqp', 'cap', 'voice')),
    url       text,
    token     bytea,                        -- sealed
    timeout_s double precision NOT NULL CHECK (timeout_s > 0),
    PRIMARY KEY (room_id, line)
);

-- ── The press ───────────────────────────────────────────────────────────────────────

-- No CHECK here: a rule that one press can break would stop all the others. The unique
-- indexes only ever turn a press into a duplicate (ON CONFLICT DO NOTHING).
CREATE TABLE press (
    no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device       text NOT NULL,
    reply_to     text NOT NULL,
    id           uuid NOT NULL,             -- ours: the phone's own where it can serve
    sent_id      text,                      -- as the phone sent it, for the receipt
    seq          bigint,
    attempt      int,
    tst          double precision,          -- the gesture, by the phone's clock
    pressed_at   timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    age_s        double precision NOT NULL,
    trigger      text NOT NULL,
    path         text NOT NULL,
    batt         int,
    doubts       text[] NOT NULL,
    digest       bytea NOT NULL,            -- SHA-256 of the bytes
    retained     boolean NOT NULL,
    raw          bytea,                     -- sealed; null once erased
    raw_key      bytea,                     -- its data key, wrapped; null once erased
    last_seen_at timestamptz NOT NULL       -- of an id-less press: its latest repetition
);
CREATE UNIQUE INDEX press_id ON press (device, id);
CREATE UNIQUE INDEX press_sent_id ON press (device, sent_id, seq) NULLS NOT DISTINCT WHERE sent_id IS NOT NULL;
CREATE UNIQUE INDEX press_retained ON press (device, digest) WHERE retained;
CREATE INDEX press_idless ON press (device, last_seen_at) WHERE sent_id IS NULL;

-- What arrived on another topic and could not be read: never its content.
CREATE TABLE quarantine (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    topic       text NOT NULL,
    reason      text NOT NULL,
    size        int NOT NULL,
    digest      bytea NOT NULL
);

CREATE TABLE device_health (
    device            text PRIMARY KEY REFERENCES device ON DELETE CASCADE,
    heartbeat_at      timestamptz,
    batt              int,
    bs                int,
    conn              text,
    fw                text,
    lost_connection_at timestamptz
);

-- ── The alert ───────────────────────────────────────────────────────────────────────

CREATE SEQUENCE case_number;

CREATE FUNCTION next_case_id(p_at timestamptz) RETURNS text LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT to_char(p_at AT TIME ZONE 'Europe/Paris', 'YYYYMMDD') || '-' || lpad(n, greatest(6, length(n)), '0')
    FROM (SELECT nextval('case_number')::text AS n) AS number;
END;

-- Every rule in one function: a CHECK is read anew by each statement, one costs less than twelve.
CREATE FUNCTION alert_is_possible(
    status text, rings text, consent text, located boolean, answered_at timestamptz, answered_by text,
    voice text, verdict text, verdict_at timestamptz, reason text, police_at timestamptz,
    closed_at timestamptz, closed_by text
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN status IN ('ringing', 'answered', 'police', 'closed')
       AND rings IN ('first', 'everyone')
       AND consent IN ('given', 'refused', 'unknown')
       AND located = (consent <> 'refused')
       AND (voice IS NULL OR voice IN ('holder', 'child', 'other', 'nobody'))
       AND (verdict IS NULL OR verdict IN ('police', 'forwarded', 'no_danger', 'test', 'accidental'))
       AND (answered_at IS NULL) = (answered_by IS NULL)
       AND (verdict IS NULL) = (verdict_at IS NULL)
       AND (status <> 'answered' OR answered_by IS NOT NULL)
       AND (status <> 'police' OR police_at IS NOT NULL)
       AND (police_at IS NULL OR verdict IS NOT NULL)
       AND (verdict <> 'forwarded' OR reason IS NOT NULL) IS NOT FALSE
       AND (status = 'closed') = (closed_at IS NOT NULL)
       AND (status <> 'closed' OR (closed_by IS NOT NULL AND verdict IS NOT NULL));
END $$;

CREATE TABLE alert (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    case_id       text NOT NULL UNIQUE,
    device        text NOT NULL,
    reply_to      text NOT NULL,
    known         boolean NOT NULL,         -- is the phone in the register?
    assignment_id uuid REFERENCES assignment,   -- as it was at the opening
    consent       text NOT NULL,            -- given, refused or unknown
    located       boolean NOT NULL,
    listen        text NOT NULL,
    plan          jsonb NOT NULL,           -- the deadlines' lengths, frozen at the opening
    key           bytea,                    -- the alert's data key, wrapped; null once erased
    follows       uuid REFERENCES alert CHECK (follows <> id),
    rescued       boolean NOT NULL DEFAULT false,

    status        text NOT NULL DEFAULT 'ringing',
    opened_at     timestamptz NOT NULL,
    rings         text NOT NULL DEFAULT 'first',
    first_tst     double precision,         -- the first gesture, by the phone's clock
    pressed_at    timestamptz NOT NULL,     -- the first gesture, by ours
    last_press_id uuid NOT NULL,
    last_press_at timestamptz NOT NULL,
    presses       int NOT NULL DEFAULT 1,
    answered_at   timestamptz,
    answered_by   text,
    voice         text,
    voice_at      timestamptz,
    nobody        int NOT NULL DEFAULT 0,   -- how often nobody was heard
    holder_heard_at timestamptz,
    extended      int NOT NULL DEFAULT 0,
    verdict       text,
    verdict_by    text,
    verdict_at    timestamptz,
    reason        text,                     -- of a forwarding
    police_at     timestamptz,
    coerced       boolean NOT NULL DEFAULT false,
    told_rooms_at timestamptz,              -- the latest further-press Update
    contact_lost_at timestamptz,
    outcome       text,
    closed_at     timestamptz,
    closed_by     text,
    told          int NOT NULL DEFAULT 1,   -- n of the latest state sent to the phone
    told_state    text NOT NULL DEFAULT 'received',

    UNIQUE (id, located),
    CONSTRAINT alert_is_possible CHECK (alert_is_possible(
        status, rings, consent, located, answered_at, answered_by, voice, verdict, verdict_at, reason,
        police_at, closed_at, closed_by))
);
CREATE UNIQUE INDEX alert_one_open_per_device ON alert (device) WHERE status <> 'closed';
CREATE INDEX alert_device ON alert (device, opened_at DESC);
CREATE INDEX alert_opened ON alert (opened_at DESC);
CREATE INDEX alert_unknown ON alert (opened_at) WHERE NOT known;

CREATE FUNCTION alert_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF array_position(ARRAY['ringing', 'answered', 'police', 'closed'], NEW.status)
       < array_position(ARRAY['ringing', 'answered', 'police', 'closed'], OLD.status) THEN
        RAISE EXCEPTION 'alert %: status cannot go from % back to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER alert_moves_forward BEFORE UPDATE OF status ON alert
    FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION alert_moves_forward();

CREATE TABLE alert_press (
    press_no bigint PRIMARY KEY REFERENCES press,
    alert_id uuid NOT NULL REFERENCES alert
);
CREATE INDEX alert_press_alert ON alert_press (alert_id);

-- Law (art. 41-3-1): a position exists only inside an open alert of a holder who agreed.
-- The foreign key asks for the consent, the trigger for the open alert.
CREATE TABLE position (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    uuid NOT NULL,
    located     boolean NOT NULL DEFAULT true CHECK (located),
    press_no    bigint REFERENCES press,
    lat         double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    lon         double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    acc         double precision,
    confidence  double precision NOT NULL,
    method      text,
    alt         double precision,
    vac         double precision,
    vel         double precision,
    cog         double precision,
    fixed_at    timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    doubts      text[] NOT NULL DEFAULT '{}',
    FOREIGN KEY (alert_id, located) REFERENCES alert (id, located)
);
CREATE INDEX position_alert ON position (alert_id, no DESC);

CREATE FUNCTION position_needs_open_alert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_status text;
BEGIN
    -- By its key alone: with the status in the condition, a plan made while the table was empty
    -- would walk the index of open alerts.
    SELECT status INTO v_status FROM alert WHERE id = NEW.alert_id FOR KEY SHARE;
    IF v_status = 'closed' THEN
        RAISE EXCEPTION 'a position needs an open alert' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- Afterwards: one statement may open the alert and place its first position.
CREATE TRIGGER position_needs_open_alert AFTER INSERT ON position
    FOR EACH ROW EXECUTE FUNCTION position_needs_open_alert();

CREATE TABLE note (
    no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id uuid NOT NULL REFERENCES alert,
    at       timestamptz NOT NULL,
    author   text NOT NULL,
    text     bytea                          -- sealed under the alert's key; null once erased
);
CREATE INDEX note_alert ON note (alert_id);

-- ── The way to the police ───────────────────────────────────────────────────────────

CREATE FUNCTION ladder_rank(p_state text) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_position(ARRAY['pending', 'sending', 'delivered', 'received', 'integrated',
                            'seen', 'engaged', 'on_scene', 'closed'], p_state);

-- One room that is told of one alert. A refusal or a further press begins a new round of
-- the ladder; inside a round the state only rises.
CREATE TABLE dispatch (
    id              uuid PRIMARY KEY,
    alert_id        uuid NOT NULL REFERENCES alert,
    room_id         text REFERENCES room,   -- null: no room is configured, a person must call
    line            int,
    lead            boolean NOT NULL,
    state           text NOT NULL CHECK (ladder_rank(state) IS NOT NULL),
    round           int NOT NULL DEFAULT 1 CHECK (round >= 1),
    attempts        int NOT NULL DEFAULT 0,
    dispatched_at   timestamptz NOT NULL,
    sent_at         timestamptz,            -- the first delivery of this round
    acknowledged_at timestamptz,
    acknowledged_by text,
    reference       text,                   -- the room's own, of a hand-off by telephone
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK ((room_id IS NULL) = (line IS NULL)),
    UNIQUE NULLS NOT DISTINCT (alert_id, room_id)
);

CREATE FUNCTION dispatch_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.round, ladder_rank(NEW.state)) < (OLD.round, ladder_rank(OLD.state)) THEN
        RAISE EXCEPTION 'dispatch %: % of round % cannot follow % of round %',
            OLD.id, NEW.state, NEW.round, OLD.state, OLD.round USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispatch_moves_forward BEFORE UPDATE OF state, round ON dispatch
    FOR EACH ROW EXECUTE FUNCTION dispatch_moves_forward();

-- One message to one room. Its id is the distributionID and so the idempotency key: what is
-- repeated is repeated to the letter (the sealed content), under the same id until it expires.
CREATE TABLE envelope (
    id           uuid PRIMARY KEY,
    no           bigint GENERATED ALWAYS AS IDENTITY,
    dispatch_id  uuid NOT NULL REFERENCES dispatch,
    alert_id     uuid NOT NULL REFERENCES alert,
    purpose      text NOT NULL CHECK (purpose IN ('report', 'press', 'verdict', 'contact')),
    round        int NOT NULL,
    line         int NOT NULL,
    state        text NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'sending', 'delivered', 'received', 'integrated', 'seen',
                                  'refused', 'expired')),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    next_at      timestamptz NOT NULL,
    lease_until  timestamptz,
    attempts     int NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    content      bytea,                     -- sealed under the alert's key
    error        text,
    CHECK ((state = 'sending') = (lease_until IS NOT NULL))
);
-- Sealed bytes do not compress: not to try saves most of the time that storing them takes.
ALTER TABLE envelope ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX envelope_open ON envelope (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX envelope_dispatch ON envelope (dispatch_id, no);

-- What a person has to do by telephone, on the alert's screen until it is done.
CREATE TABLE task (
    id          uuid PRIMARY KEY,
    alert_id    uuid NOT NULL REFERENCES alert,
    dispatch_id uuid REFERENCES dispatch,
    kind        text NOT NULL CHECK (kind IN ('voice')),
    about       text NOT NULL,              -- why to call: dispatch, verdict, not_engaged, refused …
    room_id     text,
    number      text,
    red         boolean NOT NULL,
    raised_at   timestamptz NOT NULL,
    done_at     timestamptz,
    done_by     text,
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
CREATE INDEX task_alert ON task (alert_id);

-- ── Deadlines ───────────────────────────────────────────────────────────────────────

-- Only running ones: a deadline that was met or has passed is a fact in the journal. The
-- row's number is the token of the step it belongs to: a step that ends takes it away.
CREATE TABLE deadline (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    uuid NOT NULL REFERENCES alert,
    dispatch_id uuid REFERENCES dispatch,
    name        text NOT NULL CHECK (name IN ('overflow', 'answer', 'voice', 'doubt', 'received',
                                              'acknowledged', 'engaged', 'closing', 'contact',
                                              'further_press')),
    due_at      timestamptz NOT NULL,
    late        boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (alert_id, dispatch_id, name)
);
CREATE INDEX deadline_due ON deadline (due_at);

-- ── What the phone is told ──────────────────────────────────────────────────────────

CREATE TABLE downlink (
    no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reply_to text NOT NULL,
    message  jsonb NOT NULL,                -- a state or a command of tgd-mqtt/1
    at       timestamptz NOT NULL
);

-- ── The journal ─────────────────────────────────────────────────────────────────────

CREATE TABLE journal (
    no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text NOT NULL,
    alert_id uuid,
    kind     text NOT NULL,
    details  jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX journal_alert ON journal (alert_id, no);

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- ── People and programs that act ────────────────────────────────────────────────────

CREATE TABLE account (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL UNIQUE CHECK (username ~ '^[A-Za-z0-9._-]{1,64}$'),
    password_hash text NOT NULL,            -- argon2id
    totp_secret   bytea,                    -- sealed; null: not asked for
    role          text NOT NULL CHECK (role IN ('operator', 'supervisor', 'prosecutor', 'association',
                                                'admin', 'auditor')),
    tribunal_id   text REFERENCES tribunal,
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz
);

CREATE TABLE web_session (
    id         bytea PRIMARY KEY,           -- SHA-256 of the cookie
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    csrf       text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE token (
    id         bytea PRIMARY KEY,           -- SHA-256 of the bearer token
    role       text NOT NULL CHECK (role IN ('operator', 'supervisor', 'prosecutor', 'association',
                                             'admin', 'auditor', 'phone')),
    name       text NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),  -- of a phone: its device id
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- ── Rights ──────────────────────────────────────────────────────────────────────────

-- The server works as tgd_app, whoever it connects as.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tgd_app') THEN
        CREATE ROLE tgd_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this cluster was migrated at the same moment
END $$;
GRANT tgd_app TO CURRENT_USER;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tgd_app;
REVOKE UPDATE, DELETE ON journal FROM tgd_app;
REVOKE UPDATE, DELETE ON consent FROM tgd_app;
REVOKE DELETE ON press, alert, dispatch, envelope, alert_press FROM tgd_app;
REVOKE INSERT, UPDATE, DELETE ON tribunal FROM tgd_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tgd_app;
GRANT INSERT ON tribunal TO tgd_app;
