-- The whole schema as it stands once every migration is applied: for reading, and to compare with.
-- Databases are never made from this file but by `tgd migrate`; a test proves that both are equal.

-- What has been applied; the migrations look here first.
CREATE TABLE schema_migration (
    number     int PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Tables stand in the order in which things happen to a press: the register it is looked up in,
-- the press, its alert, the deadlines, the way to the police, the journal, and the people who act.

-- ── The register ────────────────────────────────────────────────────────────────────

CREATE TABLE tribunal (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,64}$'),
    name          text NOT NULL,
    allocation    int NOT NULL DEFAULT 0 CHECK (allocation >= 0),
    reserve_floor int NOT NULL DEFAULT 0 CHECK (reserve_floor >= 0),
    court         text                      -- of appeal: phones are lent within it
);

CREATE TABLE device (
    id             text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    tribunal_id    text NOT NULL REFERENCES tribunal,
    number         text,                       -- of an older version: always null, see `sim`
    lost_at        timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    state          text NOT NULL DEFAULT 'in_stock'
        CHECK (state IN ('in_stock', 'reserve', 'reserved', 'handed_over', 'on_loan', 'lost', 'stolen', 'broken',
                         'returned', 'wiped')),
    state_at       timestamptz NOT NULL DEFAULT now(),
    label          text,                  -- what stands on its sticker; the id if null
    imei           text UNIQUE CHECK (imei ~ '^[0-9]{15}$'),
    generation     text CHECK (generation IN ('2G', '3G', '4G', '5G')),
    firmware       text,               -- as it was prepared; device_health has what it says itself
    sim            bytea,                   -- sealed: ICCID and telephone number
    key            bytea,                   -- that opens it
    lent_to        text REFERENCES tribunal CHECK (lent_to <> tribunal_id),
    compromised_at timestamptz,
    compromised_by text,
    muted_at       timestamptz,        -- the second person's confirmation: its credentials end
    muted_by       text,
    number_digest  bytea,                   -- its telephone number's, under a key outside the database
    CONSTRAINT device_lost CHECK (state NOT IN ('lost', 'stolen') OR lost_at IS NOT NULL),
    CONSTRAINT device_on_loan CHECK (state <> 'on_loan' OR lent_to IS NOT NULL),
    CONSTRAINT device_compromised CHECK (
        (compromised_at IS NULL) = (compromised_by IS NULL) AND (muted_at IS NULL) = (muted_by IS NULL)
        AND (muted_at IS NULL OR compromised_at IS NOT NULL)
        AND (muted_by <> compromised_by) IS NOT FALSE)
);
ALTER TABLE device ADD CONSTRAINT device_number_is_sealed CHECK (number IS NULL) NOT VALID;
CREATE INDEX device_number ON device (number_digest) WHERE number_digest IS NOT NULL;

CREATE TABLE beneficiary (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    label          text NOT NULL,           -- what may be shown to a room; never a name
    listen         text NOT NULL DEFAULT 'mic_only' CHECK (listen IN ('mic_only', 'none', 'duplex')),
    all_clear_word bytea,                   -- sealed; null when none was agreed
    created_at     timestamptz NOT NULL DEFAULT now(),
    key            bytea,                   -- her file's data key; null: nothing sealed, or erased
    word_key       bytea                    -- opens the agreed word; null: the master secret does
);

-- Everything about a place but its kind is sealed under its person's key.
CREATE TABLE known_place (
    id             uuid PRIMARY KEY,        -- ours, before the insertion: the content is sealed for it
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('home', 'work', 'school', 'aggressor', 'other')),
    content        bytea NOT NULL,          -- sealed: label, address, coordinates, radius, approach
    created_at     timestamptz NOT NULL
);
CREATE INDEX known_place_beneficiary ON known_place (beneficiary_id);

CREATE FUNCTION six_months_after(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
RETURN (p_at AT TIME ZONE 'Europe/Paris' + interval '6 months') AT TIME ZONE 'Europe/Paris';

-- Article 41-3-1 of the Code de procédure pénale: six months, renewable, revocable.
CREATE TABLE assignment (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device_id      text NOT NULL REFERENCES device,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL CHECK (ends_at > starts_at),
    ended_at       timestamptz,             -- revoked or run out
    returned_at    timestamptz CHECK (returned_at IS NULL OR ended_at IS NOT NULL),
    replaces       uuid UNIQUE REFERENCES assignment CHECK (replaces <> id),
    decided_by     text,
    legal_basis    text CHECK (legal_basis IN ('1', '2')),  -- article 41-3-1, 1° or 2°
    content        bytea,               -- sealed: the order's reference and dates, what was said at each act
    key            bytea,                   -- that opens it
    term_at        timestamptz,         -- when the present term began; null: before terms were kept
    renewals       int NOT NULL DEFAULT 0,
    handed_over_at timestamptz,
    tested_at      timestamptz,       -- the hand-over test was passed
    tested_by      text,
    ended_by       text,
    end_reason     text CHECK (end_reason IN (
        'danger_over', 'aggressor_jailed', 'her_wish', 'instructions_not_respected', 'no_protection_order',
        'replaced', 'other')),
    returned_by    text,            -- who attests it
    wiped_at       timestamptz CHECK (wiped_at IS NULL OR returned_at IS NOT NULL),
    wiped_by       text,
    status         text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN wiped_at IS NOT NULL THEN 'wiped' WHEN returned_at IS NOT NULL THEN 'returned'
             WHEN ended_at IS NOT NULL THEN 'ended' WHEN tested_at IS NOT NULL THEN 'active'
             WHEN handed_over_at IS NOT NULL THEN 'handed_over' ELSE 'preparing' END) STORED,
    CONSTRAINT assignment_six_months CHECK (term_at IS NULL OR ends_at <= six_months_after(term_at)),
    CONSTRAINT assignment_tested CHECK (tested_at IS NULL OR handed_over_at IS NOT NULL),
    CONSTRAINT assignment_ended_by CHECK (end_reason IS NULL OR ended_by IS NOT NULL)
);
CREATE UNIQUE INDEX assignment_one_active_per_device ON assignment (device_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX assignment_one_active_per_beneficiary ON assignment (beneficiary_id) WHERE ended_at IS NULL;
-- A phone that is not back is nobody else's.
CREATE UNIQUE INDEX assignment_one_out_per_device ON assignment (device_id) WHERE returned_at IS NULL;
CREATE INDEX assignment_device ON assignment (device_id, starts_at DESC);
CREATE INDEX assignment_beneficiary ON assignment (beneficiary_id);

-- The latest row speaks. Being located is a consent of its own, apart from carrying the phone.
CREATE TABLE consent (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id uuid NOT NULL REFERENCES assignment,
    kind          text NOT NULL CHECK (kind IN ('phone', 'location', 'audio')),
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
           CASE WHEN d.compromised_at IS NOT NULL THEN 'device_compromised' END,
           CASE WHEN a.id IS NULL THEN 'consent_unknown' END,
           CASE WHEN a.id IS NOT NULL AND c.given IS NOT TRUE THEN 'location_refused' END
       ], NULL) AS doubts
FROM device d
LEFT JOIN LATERAL (
    SELECT id, beneficiary_id, ended_at, ends_at FROM assignment
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
    inbound_token bytea UNIQUE,             -- SHA-256 of the token with which it calls us
    simulated     boolean NOT NULL DEFAULT false   -- a demonstration's: its lines are never live
);
CREATE UNIQUE INDEX room_one_default ON room (is_default) WHERE is_default;

CREATE TABLE room_line (
    room_id   text NOT NULL REFERENCES room ON DELETE CASCADE,
    line      int NOT NULL CHECK (line >= 0),
    adapter   text NOT NULL CHECK (adapter IN ('https', 'amqp', 'cap', 'voice')),
    url       text,
    token     bytea,                        -- sealed
    timeout_s double precision NOT NULL CHECK (timeout_s > 0),
    hours     text,                         -- HH:MM-HH:MM in Paris; null: day and night
    days      int[],                        -- ISO numbers, Monday is 1; null: every day
    live_since        timestamptz,          -- an exercise was confirmed by a named person; null: never
    up                boolean,              -- at the latest probe or sending; null: not probed yet
    probed_at         timestamptz,
    changed_at        timestamptz,          -- since when it is up, or is not
    failures          int NOT NULL DEFAULT 0,   -- probes in a row
    certificate_until timestamptz,          -- what it showed at the latest probe
    stranger_at       timestamptz,          -- when somebody who is no room of its broker last wrote to us there
    refuses_since     timestamptz,          -- since when it refuses what is said of whatever alert
    refusal           text,                 -- in which words of ours: never the room's
    own_certificate_until timestamptz,      -- ours, by which we are known there
    PRIMARY KEY (room_id, line)
);

-- What a line is: when this changes it is another, of which nothing is proved.
CREATE FUNCTION line_settings(p_line room_line) RETURNS jsonb LANGUAGE sql STABLE
RETURN to_jsonb(p_line) - ARRAY['room_id', 'line', 'token', 'timeout_s', 'hours', 'days', 'live_since', 'up',
                                'probed_at', 'changed_at', 'failures', 'certificate_until', 'stranger_at',
                                'refuses_since', 'refusal', 'own_certificate_until'];

-- ── The territory ───────────────────────────────────────────────────────────────────

-- Who is competent where: communes, their contours and the service of each, in numbered sets.
-- A set is never changed once imported: another takes its place. At most one is in force.
CREATE TABLE zone_set (
    no           int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,
    imported_at  timestamptz NOT NULL,
    activated_at timestamptz,               -- the last time; null: never
    active       boolean NOT NULL DEFAULT false CHECK (NOT active OR activated_at IS NOT NULL),
    sources      jsonb NOT NULL,            -- of each file its name and SHA-256
    findings     jsonb NOT NULL,            -- what the check found before the set was stored
    zones        int NOT NULL,
    services     int NOT NULL
);
CREATE UNIQUE INDEX zone_set_one_active ON zone_set (active) WHERE active;

CREATE TABLE zone_service (
    set_no      int NOT NULL REFERENCES zone_set ON DELETE CASCADE,
    id          text NOT NULL,
    institution text NOT NULL CHECK (institution IN ('PN', 'GN')),
    name        text NOT NULL,
    PRIMARY KEY (set_no, id)
);

CREATE TABLE zone (
    set_no  int NOT NULL REFERENCES zone_set ON DELETE CASCADE,
    code    text NOT NULL,                  -- INSEE's, of the commune
    name    text NOT NULL,
    service text,                           -- null: the table names none
    shape   bytea NOT NULL,                 -- WKB, longitude and latitude, WGS 84
    PRIMARY KEY (set_no, code),
    FOREIGN KEY (set_no, service) REFERENCES zone_service ON DELETE CASCADE
);
CREATE INDEX zone_of_service ON zone (set_no, service);
ALTER TABLE zone ALTER COLUMN shape SET STORAGE EXTERNAL;   -- coordinates do not compress

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
    digest       bytea NOT NULL,            -- of the bytes, keyed, where they have no id; else chance
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
    key           bytea,                    -- opens the alert's messages and notes; null once erased
    -- When the next of its positions and sealed copies is due; null: nothing is left, or it is held.
    forget_at     timestamptz,
    -- Live positions end two hours after the last press, or, by an act on the record, then.
    followed_until timestamptz,
    offered_to     text,                    -- by its holder; hers or his on answering
    released_at    timestamptz,             -- whoever answers next has it; its deadlines run on
    line           text CHECK (line IN ('mic_only', 'duplex')),  -- as an operator has made it
    line_at        timestamptz,             -- since when; a later press undoes it
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
CREATE INDEX alert_forget ON alert (forget_at) WHERE forget_at IS NOT NULL;
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
    fix         bytea NOT NULL,             -- sealed under `key`: no coordinate is here in clear
    key         bytea NOT NULL,             -- a reference into the key store, outside the database
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
    text     bytea,                         -- sealed under the alert's key; null once erased
    for_rooms boolean NOT NULL DEFAULT false -- written to be known to the control rooms as well
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
    withdrawn_at    timestamptz,            -- it is told nothing more: another has been told instead
    lines           int[] NOT NULL DEFAULT '{}',   -- the room's that can send, in their order
    stands_in_for   uuid REFERENCES dispatch,      -- of a room that has not answered: this is its neighbour
    sheet_opened_at  timestamptz,           -- the last time somebody opened the room's sheet by its address
    sheet_revoked_at timestamptz,           -- since then that address opens nothing
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
    purpose      text NOT NULL CHECK (purpose IN ('report', 'press', 'verdict', 'contact', 'position', 'fact', 'cancel')),
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

-- Each entry's hash holds the one before it: see "The journal proves itself" at the end.
CREATE TABLE journal (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL,
    actor         text,                     -- null, like details and salt: redacted
    alert_id      uuid,
    kind          text NOT NULL,
    details       jsonb DEFAULT '{}',
    assignment_id uuid,
    chain         uuid,                     -- the alert, or else the assignment, or else the nil UUID
    number        bigint,                   -- within the chain, from 1 on
    salt          bytea,
    content       bytea,                    -- the hash of salt, actor and details
    hash          bytea,                    -- of the hash before it, the content's, and all the rest
    CONSTRAINT journal_is_whole CHECK (
        chain IS NOT NULL AND number IS NOT NULL AND content IS NOT NULL AND hash IS NOT NULL
        AND (actor IS NULL) = (salt IS NULL) AND (details IS NULL) = (salt IS NULL))
);
CREATE UNIQUE INDEX journal_chain ON journal (chain, number);
CREATE INDEX journal_assignment ON journal (assignment_id, no) WHERE assignment_id IS NOT NULL;

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_called text;
BEGIN
    GET DIAGNOSTICS v_called = PG_CONTEXT;  -- in the database's language, but for names and types
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'journal' AND v_called ~ '[ .]journal_redact\(uuid,timestamp' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- ── Addresses ───────────────────────────────────────────────────────────────────────

-- Public data (Base adresse nationale), in clear. The cell is what a look-up names: see
-- store.addresses. No key: the export repeats an address for each position that it knows of it.
CREATE TABLE address (
    department text NOT NULL,
    cell       bigint NOT NULL,
    lat        double precision NOT NULL,
    lon        double precision NOT NULL,
    label      text NOT NULL
);
CREATE INDEX address_cell ON address (cell);
CREATE INDEX address_department ON address (department);

CREATE TABLE address_extract (
    department  text PRIMARY KEY,
    addresses   int NOT NULL,
    imported_at timestamptz NOT NULL
);

-- ── People and programs that act ────────────────────────────────────────────────────

CREATE TABLE account (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL UNIQUE CHECK (username ~ '^[A-Za-z0-9._-]{1,64}$'),
    password_hash text NOT NULL,            -- argon2id
    totp_secret   bytea,                    -- sealed; null: not asked for
    role          text NOT NULL CHECK (role IN ('operator', 'supervisor', 'prosecutor', 'association',
                                                'admin', 'auditor')),
    tribunal_id   text REFERENCES tribunal,
    ring_group    text NOT NULL DEFAULT 'first' CHECK (ring_group IN ('first', 'second')),
    site          text,                     -- where this person works, in words
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz,
    totp_step     bigint NOT NULL DEFAULT 0, -- the latest code that was used
    issuer        text,                     -- of an agency that vouches for this person (OpenID Connect)
    subject       text,                     -- what the agency knows this person by
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    UNIQUE (issuer, subject)
);

CREATE TABLE web_session (
    id         bytea PRIMARY KEY,           -- SHA-256 of the cookie
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    csrf       text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    no         uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,  -- what its owner calls it by
    seen_at    timestamptz                  -- when it was last used, to the minute; null: not since
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
REVOKE UPDATE ON known_place, address, address_extract FROM tgd_app;
REVOKE UPDATE, DELETE ON zone, zone_service FROM tgd_app;
REVOKE UPDATE ON zone_set FROM tgd_app;
GRANT UPDATE (active, activated_at) ON zone_set TO tgd_app;
REVOKE INSERT, UPDATE, DELETE ON tribunal FROM tgd_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tgd_app;
GRANT INSERT ON tribunal TO tgd_app;

-- Arrow 1, press → alert: a batch of presses in one round trip and one commit.
--
-- take_presses keeps the presses (raw first, then interpret), in the order of arrival, so that
-- each is judged by what those before it left. It gives the new ones to open_alerts inside a block
-- of its own; where that breaks, it is done again press by press, each in its own block: whatever
-- goes wrong, the press stays, and `fault` says what it was. A press left without an alert is
-- found by the rescue.
--
-- Decisions are small index look-ups in a loop; rows that need no decision are written by one
-- statement for the batch. The connection that calls them keeps every plan to
-- its index (store.db.INDEXES_ONLY), whatever the statistics of an empty table said.

CREATE FUNCTION open_alerts(
    p_now timestamptz, p_group_from int,
    p_no bigint[], p_at int[], p_holder holder[], p_plan text[],
    p_fix bytea[], p_fixed_at timestamptz[], p_fix_doubts text[]
) RETURNS uuid[] LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r         record;
    v_alert   record;
    v_device  text;
    v_number  text;
    v_day     text := to_char(p_now AT TIME ZONE 'Europe/Paris', 'YYYYMMDD-');
    v_opens   boolean;
    v_new     uuid[] := '{}';
    v_plans   jsonb[] := '{}';
    v_joined  uuid[] := '{}';
    v_located boolean[] := '{}';
    v_alerts  uuid[] := '{}';
BEGIN
    FOR r IN
        SELECT p.no, p.device, p.reply_to, p.id, p.tst, p.pressed_at, p.received_at, p.raw_key,
               f.h_device IS NOT NULL AS known, f.assignment_id, coalesce(f.consent, 'unknown') AS consent,
               coalesce(f.listen, 'mic_only') AS listen, p_plan[f.at] AS plan
        FROM unnest(p_no, p_at, p_holder)
             AS f (no, at, h_device, assignment_id, beneficiary_id, listen, consent, doubts)
        JOIN press p ON p.no = f.no
        ORDER BY f.at
    LOOP
        v_device := r.device;
        v_opens := false;
        LOOP
            SELECT a.id, a.located INTO v_alert
            FROM alert a WHERE a.device = v_device AND a.status <> 'closed' FOR UPDATE;
            EXIT WHEN FOUND;
            -- Phones that the register does not know share one alert above a rate.
            IF NOT r.known AND v_device <> '*unknown*' AND p_group_from <= (
                SELECT count(*) FROM alert u WHERE NOT u.known AND u.opened_at > p_now - interval '60 seconds'
            ) THEN
                v_device := '*unknown*';
                CONTINUE;
            END IF;
            v_number := nextval('case_number');
            INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                               plan, key, follows, opened_at, forget_at, first_tst, pressed_at,
                               last_press_id, last_press_at)
            VALUES (v_day || lpad(v_number, greatest(6, length(v_number)), '0'), v_device, r.reply_to,
                    r.known, r.assignment_id, r.consent, r.consent <> 'refused', r.listen,
                    r.plan::jsonb, r.raw_key,
                    (SELECT (array_agg(c.id ORDER BY c.opened_at DESC))[1] FROM alert c WHERE c.device = v_device),
                    p_now, p_now + interval '3 days', r.tst, r.pressed_at, r.id, r.received_at)
            ON CONFLICT (device) WHERE status <> 'closed' DO NOTHING
            RETURNING id, located INTO v_alert;
            v_opens := FOUND;
            EXIT WHEN FOUND;
        END LOOP;
        IF v_opens THEN
            v_new := array_append(v_new, v_alert.id);
            v_plans := array_append(v_plans, r.plan::jsonb);
        ELSE
            v_joined := array_append(v_joined, v_alert.id);
            -- A closing verdict that stood beside the police was given before this press: no more.
            UPDATE alert SET last_press_id = r.id, last_press_at = r.received_at, presses = presses + 1,
                             reply_to = r.reply_to, contact_lost_at = NULL,
                             verdict = CASE WHEN verdict IN ('no_danger', 'test', 'accidental')
                                            THEN CASE WHEN reason IS NULL THEN 'police' ELSE 'forwarded' END
                                            ELSE verdict END
            WHERE id = v_alert.id;
        END IF;
        v_alerts := array_append(v_alerts, v_alert.id);
        v_located := array_append(v_located, v_alert.located);
    END LOOP;

    INSERT INTO alert_press (press_no, alert_id) SELECT * FROM unnest(p_no, v_alerts);

    INSERT INTO deadline (alert_id, name, due_at)
    SELECT n.id, d.key, p_now + d.value::float8 * interval '1 second'
    FROM unnest(v_new, v_plans) AS n (id, plan), jsonb_each_text(n.plan -> 'opening') AS d;

    IF v_joined <> '{}' THEN
        -- A word from the phone: contact is (again) there. Rooms that were told hear of it.
        INSERT INTO deadline (alert_id, name, due_at)
        SELECT DISTINCT a.id, d.name, d.due_at
        FROM unnest(v_joined) AS j (id) JOIN alert a ON a.id = j.id,
        LATERAL (VALUES ('contact', p_now + (a.plan ->> 'contact')::float8 * interval '1 second'),
                        ('further_press', CASE WHEN a.status = 'police' THEN p_now END)) AS d (name, due_at)
        WHERE d.due_at IS NOT NULL
        ON CONFLICT (alert_id, dispatch_id, name)
            DO UPDATE SET due_at = excluded.due_at WHERE deadline.name = 'contact';
    END IF;

    INSERT INTO position (alert_id, press_no, fix, key, fixed_at, received_at, doubts)
    SELECT m.alert_id, m.no, p_fix[m.at], p.raw_key, p_fixed_at[m.at], p_now,
           string_to_array(p_fix_doubts[m.at], ',')
    FROM unnest(p_no, p_at, v_alerts, v_located) AS m (no, at, alert_id, located)
    JOIN press p ON p.no = m.no
    WHERE m.located AND p_fix[m.at] IS NOT NULL;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_now, 'phone', m.alert_id, 'press',
           jsonb_build_object('press', p.id, 'opened', m.alert_id = ANY (v_new), 'doubts', p.doubts)
    FROM unnest(p_no, v_alerts) AS m (no, alert_id)
    JOIN press p ON p.no = m.no;

    RETURN v_new;
END $$;


CREATE FUNCTION take_presses(
    p_now timestamptz, p_group_from int,
    p_device text[], p_reply_to text[], p_id uuid[], p_sent_id text[], p_seq bigint[], p_attempt int[],
    p_tst float8[], p_pressed_at timestamptz[], p_received_at timestamptz[], p_age_s float8[],
    p_trigger text[], p_path text[], p_batt int[], p_doubts text[], p_digest bytea[], p_retained boolean[],
    p_raw bytea[], p_redacted bytea[], p_raw_key bytea[], p_plan text[],
    p_fix bytea[], p_fixed_at timestamptz[], p_fix_doubts text[]
) RETURNS TABLE (fresh boolean, alert_id uuid, opened boolean, listen text, located boolean, fault text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r        record;
    v_own    uuid;
    v_twin   record;
    v_holder holder;
    v_no     bigint;        -- the press's number, or that of the press it repeats
    v_opened uuid[] := '{}';
    -- by place in the batch
    o_no     bigint[] := '{}';
    o_fresh  boolean[] := '{}';
    o_fault  text[] := array_fill(NULL::text, ARRAY[array_length(p_device, 1)]);
    -- the new presses that are to have an alert, their places and their holders
    n_no     bigint[] := '{}';
    n_at     int[] := '{}';
    n_holder holder[] := '{}';
BEGIN
    FOR r IN
        SELECT * FROM unnest(p_device, p_reply_to, p_id, p_sent_id, p_seq, p_attempt, p_tst, p_pressed_at,
                             p_received_at, p_age_s, p_trigger, p_path, p_batt, p_doubts, p_digest,
                             p_retained, p_raw, p_redacted, p_raw_key, p_plan) WITH ORDINALITY
        AS g (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at, age_s, trigger,
              path, batt, doubts, digest, retained, raw, redacted, raw_key, plan, place)
    LOOP
        v_own := r.id;
        v_no := NULL;
        fresh := true;

        -- Rule 3: one (device, id) is one press; another seq makes another; where one copy came
        -- without its seq it is the same. Id-less presses of one phone less than 15 s apart are one.
        -- Retained bytes count once per device, whether or not they came live before.
        SELECT p.no INTO v_no FROM press p
        WHERE r.retained AND p.device = r.device AND p.digest = r.digest LIMIT 1;
        IF FOUND THEN
            fresh := false;
        ELSIF r.sent_id IS NULL THEN
            UPDATE press p SET last_seen_at = greatest(p.last_seen_at, r.received_at)
            WHERE p.no = (SELECT t.no FROM press t WHERE t.device = r.device AND t.sent_id IS NULL
                          AND t.last_seen_at > r.received_at - interval '15 seconds'
                          ORDER BY t.last_seen_at DESC LIMIT 1)
            RETURNING p.no INTO v_no;
            fresh := NOT FOUND;
        ELSE
            SELECT p.no, p.seq INTO v_twin FROM press p
            WHERE p.device = r.device AND p.sent_id = r.sent_id
            ORDER BY (p.seq = r.seq OR p.seq IS NULL OR r.seq IS NULL) DESC, p.no LIMIT 1;
            IF FOUND THEN
                IF v_twin.seq <> r.seq THEN
                    r.doubts := concat_ws(',', nullif(r.doubts, ''), 'id_reused');
                    v_own := gen_random_uuid();
                ELSE
                    fresh := false;
                    v_no := v_twin.no;
                END IF;
            END IF;
        END IF;

        IF fresh THEN
            SELECT * INTO v_holder FROM holder h WHERE h.device = r.device;
            IF NOT FOUND THEN
                r.doubts := concat_ws(',', nullif(r.doubts, ''), 'device_unknown,consent_unknown');
            ELSIF v_holder.doubts <> '{}' THEN
                r.doubts := concat_ws(',', nullif(r.doubts, ''), array_to_string(v_holder.doubts, ','));
            END IF;
            INSERT INTO press (device, reply_to, id, sent_id, seq, attempt, tst, pressed_at, received_at,
                               age_s, trigger, path, batt, doubts, digest, retained, raw, raw_key, last_seen_at)
            VALUES (r.device, r.reply_to, v_own, r.sent_id, r.seq, r.attempt, r.tst, r.pressed_at,
                    r.received_at, r.age_s, r.trigger, r.path, r.batt, string_to_array(r.doubts, ','),
                    r.digest, r.retained,
                    CASE WHEN v_holder.consent = 'refused' THEN coalesce(r.redacted, r.raw) ELSE r.raw END,
                    r.raw_key, r.received_at)
            ON CONFLICT DO NOTHING
            RETURNING no INTO v_no;
            fresh := FOUND;
            IF NOT fresh THEN  -- a retained delivery seen before, or another server was faster
                SELECT p.no INTO v_no FROM press p
                WHERE p.device = r.device AND (p.id = r.id OR (p.retained AND p.digest = r.digest)) LIMIT 1;
            END IF;
        END IF;

        IF fresh AND r.plan IS NOT NULL THEN
            n_no := array_append(n_no, v_no);
            n_at := array_append(n_at, r.place::int);
            n_holder := array_append(n_holder, v_holder);
        END IF;
        o_no := array_append(o_no, v_no);
        o_fresh := array_append(o_fresh, fresh);
    END LOOP;

    BEGIN
        IF n_no <> '{}' THEN
            v_opened := open_alerts(p_now, p_group_from, n_no, n_at, n_holder, p_plan, p_fix,
                p_fixed_at, p_fix_doubts);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        FOR i IN 1..array_length(n_no, 1) LOOP
            BEGIN
                v_opened := v_opened || open_alerts(p_now, p_group_from, n_no[i:i], n_at[i:i], n_holder[i:i],
                    p_plan, p_fix, p_fixed_at, p_fix_doubts);
            EXCEPTION
            WHEN transaction_rollback THEN
                RAISE;  -- a deadlock with another server is no fault: the whole batch again
            WHEN OTHERS THEN
                o_fault[n_at[i]] := SQLSTATE || ' ' || SQLERRM;
            END;
        END LOOP;
    END;

    PERFORM pg_notify('tgd', 'press');
    RETURN QUERY
    SELECT o.fresh, a.id, o.fresh AND a.id = ANY (v_opened), coalesce(a.listen, 'mic_only'),
           coalesce(a.located, false), o.fault
    FROM unnest(o_no, o_fresh, o_fault) WITH ORDINALITY AS o (no, fresh, fault, place)
    LEFT JOIN alert_press k ON k.press_no = o.no
    LEFT JOIN alert a ON a.id = k.alert_id
    ORDER BY o.place;
END $$;


-- An alert is acted upon whole: locked, read, changed by the rules, and saved, in two round trips.
--
-- Whoever touches the rows of an alert locks the alert first: then no two of them can stand in
-- each other's way, and none can miss what the other wrote.

CREATE VIEW envelope_head AS
SELECT id, dispatch_id, alert_id, purpose, round, line, state, created_at, expires_at, next_at, lease_until
FROM envelope;
GRANT SELECT ON envelope_head TO tgd_app;

CREATE FUNCTION hold_alerts(p_ids uuid[])
RETURNS TABLE (held alert, running deadline[], told dispatch[], sent envelope_head[], calls task[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    PERFORM FROM alert a WHERE a.id = ANY (p_ids) ORDER BY a.id FOR UPDATE;
    -- A second statement, hence a second snapshot: it sees what the last holder committed.
    RETURN QUERY
    SELECT a,
           ARRAY(SELECT d FROM deadline d WHERE d.alert_id = a.id ORDER BY d.no),
           ARRAY(SELECT d FROM dispatch d WHERE d.alert_id = a.id ORDER BY d.lead DESC, d.dispatched_at),
           CASE WHEN a.police_at IS NULL THEN '{}'
                ELSE ARRAY(SELECT e FROM envelope_head e WHERE e.alert_id = a.id ORDER BY e.created_at) END,
           ARRAY(SELECT t FROM task t WHERE t.alert_id = a.id ORDER BY t.raised_at)
    FROM alert a WHERE a.id = ANY (p_ids) ORDER BY a.id;
END $$;

CREATE INDEX envelope_alert ON envelope (alert_id);
CREATE INDEX dispatch_alert ON dispatch (alert_id);

-- What has not changed is an empty list, and costs no statement.
-- p_changes: {"alerts": [row…], "stopped": [{alert_id, dispatch_id, name}…], "running": [row…],
-- "dispatches": [row…], "envelopes": [row…], "tasks": [row…], "facts": [row…], "phone": [row…]}
CREATE FUNCTION save_alerts(p_changes jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := coalesce((p_changes #>> '{facts,-1,at}')::timestamptz, now());
BEGIN
    -- Law: positions go with the consent to be located, and at the closing of what was a test or a
    -- mistake. First, as the foreign key holds an alert to its consent while it has any. Whatever
    -- went to the police may be evidence: the duty prosecutor is asked whether to hold it.
    IF p_changes @? '$.alerts[*] ? (@.status == "closed" || @.located == false)' THEN
        WITH gone AS (
            DELETE FROM position p
            USING jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r
            WHERE p.alert_id = r.id
              AND (NOT r.located OR (r.status = 'closed' AND r.verdict IN ('test', 'accidental')
                   -- An operator's verdict takes nothing from a criminal case.
                   AND NOT EXISTS (SELECT FROM retention h WHERE h.alert_id = r.id AND h.hold)))
            RETURNING p.alert_id, p.press_no, p.key
        ), counted AS (
            INSERT INTO journal (at, actor, alert_id, kind, details)
            SELECT v_at, 'forget', alert_id, 'erased', jsonb_build_object('positions', count(*), 'days', 0)
            FROM gone GROUP BY alert_id
        )
        -- Their keys with them, but for those of a press and of the alert, which open more.
        INSERT INTO dead_key (key, dead_at)
        SELECT DISTINCT g.key, v_at FROM gone g JOIN alert a ON a.id = g.alert_id
        WHERE g.press_no IS NULL AND g.key IS NOT NULL AND g.key IS DISTINCT FROM a.key
        ON CONFLICT DO NOTHING;
        INSERT INTO retention (alert_id, asked_at)
        SELECT r.id, r.closed_at FROM jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r
        WHERE r.status = 'closed' AND r.police_at IS NOT NULL AND r.verdict NOT IN ('test', 'accidental')
        ON CONFLICT (alert_id) DO UPDATE SET asked_at = coalesce(retention.asked_at, excluded.asked_at);
        PERFORM pg_notify('tgd', 'forget');
    END IF;

    UPDATE alert a SET
        consent = r.consent, located = r.located,
        followed_until = coalesce(r.followed_until, a.followed_until),
        forget_at = CASE WHEN r.status = 'closed' AND r.verdict IN ('test', 'accidental')
                         THEN r.closed_at ELSE a.forget_at END,
        status = r.status, rings = r.rings, answered_at = r.answered_at, answered_by = r.answered_by,
        voice = r.voice, voice_at = r.voice_at, nobody = r.nobody, holder_heard_at = r.holder_heard_at,
        extended = r.extended, verdict = r.verdict, verdict_by = r.verdict_by, verdict_at = r.verdict_at,
        reason = r.reason, police_at = r.police_at, coerced = r.coerced, told_rooms_at = r.told_rooms_at,
        contact_lost_at = r.contact_lost_at, offered_to = r.offered_to, released_at = r.released_at, outcome = r.outcome, closed_at = r.closed_at,
        closed_by = r.closed_by, told = r.told, told_state = r.told_state
    FROM jsonb_populate_recordset(NULL::alert, p_changes -> 'alerts') AS r WHERE a.id = r.id;

    IF p_changes -> 'stopped' <> '[]' THEN
        DELETE FROM deadline d
        USING jsonb_to_recordset(p_changes -> 'stopped') AS r (alert_id uuid, dispatch_id uuid, name text)
        WHERE d.alert_id = r.alert_id AND d.name = r.name AND d.dispatch_id IS NOT DISTINCT FROM r.dispatch_id;
    END IF;

    IF p_changes -> 'dispatches' <> '[]' THEN
        INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, round, attempts, dispatched_at,
                              sent_at, acknowledged_at, acknowledged_by, reference, withdrawn_at, lines, stands_in_for)
        SELECT r.id, r.alert_id, r.room_id, r.line, r.lead, r.state, r.round, r.attempts, r.dispatched_at,
               r.sent_at, r.acknowledged_at, r.acknowledged_by, r.reference, r.withdrawn_at, r.lines, r.stands_in_for
        FROM jsonb_populate_recordset(NULL::dispatch, p_changes -> 'dispatches') AS r
        ON CONFLICT (id) DO UPDATE SET
            line = excluded.line, lead = excluded.lead, state = excluded.state, round = excluded.round,
            sent_at = excluded.sent_at,
            attempts = excluded.attempts,
            acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by,
            reference = excluded.reference, withdrawn_at = excluded.withdrawn_at;
    END IF;

    IF p_changes -> 'envelopes' <> '[]' THEN
        -- One that goes out with this commit is under way already, leased to whoever saves it.
        INSERT INTO envelope (id, dispatch_id, alert_id, purpose, round, line, state, created_at, expires_at,
                              next_at, lease_until, attempts, content)
        SELECT r.id, r.dispatch_id, r.alert_id, r.purpose, r.round, r.line, r.state, r.created_at,
               r.expires_at, r.next_at, r.lease_until, (r.state = 'sending')::int, decode(r.content, 'base64')
        FROM jsonb_to_recordset(p_changes -> 'envelopes') AS r (
            id uuid, dispatch_id uuid, alert_id uuid, purpose text, round int, line int, state text,
            created_at timestamptz, expires_at timestamptz, next_at timestamptz, lease_until timestamptz,
            content text)
        ON CONFLICT (id) DO UPDATE SET
            state = excluded.state, next_at = excluded.next_at, lease_until = excluded.lease_until;
    END IF;

    IF p_changes -> 'running' <> '[]' THEN
        INSERT INTO deadline (alert_id, dispatch_id, name, due_at, late)
        SELECT r.alert_id, r.dispatch_id, r.name, r.due_at, r.late
        FROM jsonb_populate_recordset(NULL::deadline, p_changes -> 'running') AS r
        ON CONFLICT (alert_id, dispatch_id, name) DO UPDATE SET due_at = excluded.due_at, late = excluded.late;
    END IF;

    IF p_changes -> 'tasks' <> '[]' THEN
        INSERT INTO task (id, alert_id, dispatch_id, kind, about, room_id, number, red, raised_at, done_at, done_by)
        SELECT r.id, r.alert_id, r.dispatch_id, r.kind, r.about, r.room_id, r.number, r.red, r.raised_at,
               r.done_at, r.done_by
        FROM jsonb_populate_recordset(NULL::task, p_changes -> 'tasks') AS r
        ON CONFLICT (id) DO UPDATE SET red = excluded.red, done_at = excluded.done_at, done_by = excluded.done_by;
    END IF;

    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT r.at, r.actor, r.alert_id, r.kind, r.details
    FROM jsonb_populate_recordset(NULL::journal, p_changes -> 'facts') AS r;

    IF p_changes -> 'phone' <> '[]' THEN
        INSERT INTO downlink (reply_to, message, at)
        SELECT r.reply_to, r.message, r.at
        FROM jsonb_populate_recordset(NULL::downlink, p_changes -> 'phone') AS r;
    END IF;

    PERFORM pg_notify('tgd', 'alert');
    IF p_changes @? '$.envelopes[*] ? (@.state != "sending")' THEN
        PERFORM pg_notify('tgd', 'send');
    END IF;
    IF jsonb_array_length(p_changes -> 'phone') > 0 THEN
        PERFORM pg_notify('tgd', 'downlink');
    END IF;
END $$;

-- Arrow 3: take what is to be sent now, for the length of a lease. The content, where it was
-- built already, comes with it; else the caller builds it and gives it to keep_contents before
-- the transaction ends, so that a repetition is the same to the letter.
CREATE FUNCTION claim_envelopes(p_now timestamptz, p_lease interval, p_limit int)
RETURNS TABLE (envelope_id uuid, content bytea, held alert, told dispatch, beneficiary text, number text,
               room room, room_line room_line, purpose text, created_at timestamptz, expires_at timestamptz,
               attempts int, rooms_told text[], latest_press timestamptz, doubts text[], positions "position"[])
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    -- What is only of use now, or concerns a case that is closed, does not outlive its hour; what a
    -- later round says anew, and a verdict that a press has taken back, is not said again after it.
    UPDATE envelope e SET state = 'expired'
    FROM alert a, dispatch d
    WHERE a.id = e.alert_id AND d.id = e.dispatch_id AND e.state = 'waiting'
      AND (e.expires_at <= p_now AND (e.purpose IN ('contact', 'position', 'fact', 'cancel') OR a.status = 'closed')
           OR e.round < d.round AND (e.purpose IN ('report', 'press')
               OR e.purpose = 'verdict' AND a.verdict NOT IN ('no_danger', 'test', 'accidental')));

    SELECT array_agg(c.id) INTO v_ids FROM (
        SELECT e.id
        FROM envelope e JOIN alert a ON a.id = e.alert_id
        WHERE e.state IN ('waiting', 'sending')
          AND e.next_at <= p_now AND (e.lease_until IS NULL OR e.lease_until <= p_now)
          -- On each of its lines a room hears of a case first by its Report, then of what happened in
          -- that order: nothing overtakes what is under way, nor within a round what waits. Nothing
          -- waits behind what is only of use for the moment, nor a round behind what an old one left.
          AND NOT EXISTS (
              SELECT FROM envelope b
              WHERE b.dispatch_id = e.dispatch_id AND b.line = e.line AND b.state IN ('waiting', 'sending')
                AND b.id <> e.id AND b.purpose NOT IN ('contact', 'position', 'fact')
                AND (b.no < e.no AND b.lease_until > p_now
                     OR (b.round = e.round OR b.purpose = 'report')
                        AND (b.purpose <> 'report', b.no) < (e.purpose <> 'report', e.no)))
        ORDER BY e.next_at, e.no LIMIT p_limit
        FOR UPDATE OF a, e SKIP LOCKED) AS c;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;

    -- The lease outlives the line's time-out by p_lease and no more: what a dead server was sending
    -- is not to wait longer than a slow room may take.
    UPDATE envelope e SET state = 'sending', attempts = e.attempts + 1, lease_until = p_now + p_lease + (
        SELECT coalesce(max(l.timeout_s), 0) * interval '1 second'
        FROM dispatch d JOIN room_line l ON l.room_id = d.room_id WHERE d.id = e.dispatch_id)
    WHERE e.id = ANY (v_ids);

    UPDATE dispatch d SET
        attempts = d.attempts + 1,
        state = CASE WHEN e.round = d.round AND e.purpose IN ('report', 'press') AND d.state = 'pending'
                     THEN 'sending' ELSE d.state END
    FROM envelope e WHERE e.id = ANY (v_ids) AND d.id = e.dispatch_id;

    -- From the first sending a room has so long to confirm the receipt; no plan that cannot be read may
    -- keep others' messages.
    INSERT INTO deadline (alert_id, dispatch_id, name, due_at)
    SELECT DISTINCT ON (e.dispatch_id) e.alert_id, e.dispatch_id, 'received',
           p_now + CASE WHEN jsonb_typeof(a.plan -> 'received') = 'number'
                        THEN (a.plan ->> 'received')::float8 ELSE 10 END * interval '1 second'
    FROM envelope e JOIN alert a ON a.id = e.alert_id
    WHERE e.id = ANY (v_ids) AND e.purpose NOT IN ('contact', 'position', 'fact', 'cancel') AND a.status = 'police'
    ON CONFLICT (alert_id, dispatch_id, name) DO NOTHING;

    -- Without number and positions, which are of an older version: what writes a message reads them
    -- itself, and can do without those that cannot be read.
    RETURN QUERY
    SELECT e.id, e.content, a, d, b.label, NULL::text, r, l.x, e.purpose, e.created_at, e.expires_at, e.attempts,
           ARRAY(SELECT o.address FROM dispatch x JOIN room o ON o.id = x.room_id
                 WHERE x.alert_id = a.id AND (x.withdrawn_at IS NULL OR x.id = d.id)
                 ORDER BY x.lead DESC, x.dispatched_at),
           p.pressed_at,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           NULL::"position"[]
    FROM envelope e
    JOIN alert a ON a.id = e.alert_id
    JOIN dispatch d ON d.id = e.dispatch_id
    JOIN room r ON r.id = d.room_id
    -- The line of this message, or, where the rooms were imported anew without it, the first.
    LEFT JOIN LATERAL (
        SELECT x FROM room_line x WHERE x.room_id = r.id AND x.adapter <> 'voice'
        ORDER BY (x.line <> e.line), x.line LIMIT 1) AS l ON true
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN press p ON p.device = a.device AND p.id = a.last_press_id
    WHERE e.id = ANY (v_ids) ORDER BY e.no;
END $$;

-- What became of each sending; p_retry_s is null where it was delivered. A sending that lost its
-- lease meanwhile, or was overtaken by the room's answer, changes nothing but the ladder's rise.
CREATE FUNCTION record_sent(
    p_id uuid[], p_at timestamptz[], p_retry_at timestamptz[], p_error text[]
) RETURNS TABLE (alert_id uuid, first_s float8) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM alert a WHERE a.id IN (SELECT e.alert_id FROM envelope e WHERE e.id = ANY (p_id))
    ORDER BY a.id FOR UPDATE;

    -- A room that stays away is noted once for each way in which it is away.
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT r.at, 'sending', e.alert_id, CASE WHEN r.retry_at IS NULL THEN 'sent' ELSE 'not_sent' END,
           jsonb_build_object('message', e.id, 'purpose', e.purpose, 'attempt', e.attempts, 'error', r.error)
    FROM unnest(p_id, p_at, p_retry_at, p_error) AS r (id, at, retry_at, error)
    JOIN envelope e ON e.id = r.id
    WHERE r.retry_at IS NULL OR r.error IS DISTINCT FROM e.error;

    UPDATE envelope e SET
        state = CASE WHEN r.retry_at IS NULL THEN 'delivered' ELSE 'waiting' END,
        lease_until = NULL,
        next_at = coalesce(r.retry_at, e.next_at),
        delivered_at = coalesce(e.delivered_at, CASE WHEN r.retry_at IS NULL THEN r.at END),
        error = r.error
    FROM unnest(p_id, p_at, p_retry_at, p_error) AS r (id, at, retry_at, error)
    WHERE e.id = r.id AND e.state = 'sending';

    RETURN QUERY
    WITH risen AS (
        UPDATE dispatch d SET
            sent_at = coalesce(d.sent_at, r.at),
            state = CASE WHEN ladder_rank(d.state) < ladder_rank('delivered') THEN 'delivered' ELSE d.state END
        FROM unnest(p_id, p_at, p_retry_at) AS r (id, at, retry_at)
        JOIN envelope e ON e.id = r.id
        WHERE d.id = e.dispatch_id AND r.retry_at IS NULL AND e.round = d.round
          AND e.purpose IN ('report', 'press') AND d.sent_at IS NULL
        RETURNING d.alert_id, d.round, d.lead, d.sent_at
    ), told AS (
        UPDATE alert a SET told = a.told + 1, told_state = 'police_told'
        FROM (SELECT DISTINCT alert_id FROM risen) AS x
        WHERE a.id = x.alert_id AND NOT a.coerced AND a.status = 'police'
          AND a.told_state IN ('received', 'answered')
        RETURNING a.id, a.reply_to, a.told
    ), phone AS (
        INSERT INTO downlink (reply_to, message, at)
        SELECT t.reply_to, jsonb_build_object('_type', 'state', 'alert', t.id, 'state', 'police_told',
               'n', t.told, 'at', round(extract(epoch FROM p_at[1]), 3)), p_at[1]
        FROM told t RETURNING 1
    )
    SELECT risen.alert_id,
           CASE WHEN risen.round = 1 AND risen.lead
                THEN extract(epoch FROM risen.sent_at - a.police_at)::float8 END
    FROM risen JOIN alert a ON a.id = risen.alert_id;

    PERFORM pg_notify('tgd', 'alert');
    PERFORM pg_notify('tgd', 'downlink');
END $$;

-- ── How long what is sealed is kept ─────────────────────────────────────────────────

-- Arrêté du 22 avril 2015: positions are erased 3 days after their recording, up to 8 on the
-- prosecutor's authorisation, unless they are kept for a criminal case.
CREATE TABLE retention (
    alert_id       uuid PRIMARY KEY REFERENCES alert,
    asked_at       timestamptz,             -- "hold?", at the closing
    asked_again_at timestamptz,             -- and 24 hours before the erasure
    answered_at    timestamptz,
    answered_by    text,
    hold           boolean,
    reference      text,                    -- the criminal case's
    eight_days_at  timestamptz,
    eight_days_by  text,                    -- the magistrate who authorised it
    CHECK ((answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (hold IS NULL)),
    CHECK (hold IS NOT TRUE OR reference IS NOT NULL),
    CHECK ((eight_days_at IS NULL) = (eight_days_by IS NULL))
);
CREATE INDEX retention_unanswered ON retention (asked_at) WHERE answered_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON retention TO tgd_app;

-- References to keys that nothing needs any more, until the key store has erased them: a crash in
-- between must not leave one behind that an old backup could still be opened with.
CREATE TABLE dead_key (
    key     bytea PRIMARY KEY,
    dead_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON dead_key TO tgd_app;

-- ── After the alert ────────────────────────────────────────────────────────────────

-- She is called back a day and two days after the closing.
-- Written by the closing itself, whoever closes: none can be forgotten. Not after a test or a mistake.
CREATE TABLE recontact (
    id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    alert_id uuid NOT NULL REFERENCES alert,
    hours    int NOT NULL CHECK (hours IN (24, 48)),
    owner    text NOT NULL CHECK (owner IN ('association', 'supervisor')),
    due_at   timestamptz NOT NULL,
    done_at  timestamptz,
    done_by  text,
    UNIQUE (alert_id, hours),
    CHECK ((done_at IS NULL) = (done_by IS NULL))
);
CREATE INDEX recontact_due ON recontact (due_at) WHERE done_at IS NULL;
CREATE INDEX recontact_done ON recontact (done_at DESC) WHERE done_at IS NOT NULL;
GRANT SELECT, INSERT ON recontact TO tgd_app;
GRANT UPDATE (done_at, done_by) ON recontact TO tgd_app;

CREATE FUNCTION alert_asks_for_recontact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A phone without a holder is no association's: the supervisors find out whose it is.
    INSERT INTO recontact (alert_id, hours, owner, due_at)
    SELECT NEW.id, h, CASE WHEN NEW.assignment_id IS NULL THEN 'supervisor' ELSE 'association' END,
           NEW.closed_at + h * interval '1 hour'
    FROM unnest(ARRAY[24, 48]) AS h
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER alert_asks_for_recontact AFTER UPDATE OF status ON alert
    FOR EACH ROW WHEN (NEW.status = 'closed' AND OLD.status <> 'closed'
                       AND NEW.verdict NOT IN ('test', 'accidental'))
    EXECUTE FUNCTION alert_asks_for_recontact();

-- ── Tests ───────────────────────────────────────────────────────────────────────────

-- A test is an ordinary press of which an operator, having heard the holder, has decided that it was
-- one: the row is written with that verdict, once it has passed. Of where she was there is no more
-- here than how well the phone could say it.
CREATE TABLE phone_test (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('fortnightly', 'handover')),
    alert_id      uuid NOT NULL REFERENCES alert,
    device_id     text NOT NULL REFERENCES device,
    assignment_id uuid REFERENCES assignment,   -- null: in nobody's hands
    beneficiary_id uuid REFERENCES beneficiary, -- the assignment's, also of its renewals
    press_id      uuid NOT NULL,            -- the first of its presses
    presses       int NOT NULL,
    paths         text[] NOT NULL,          -- by which they came, each once
    pressed_at    timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    answered_at   timestamptz NOT NULL,
    heard_at      timestamptz NOT NULL,     -- the holder's own voice
    decided_at    timestamptz NOT NULL,
    decided_by    text NOT NULL,
    -- These are null where the test is older than this table.
    located       text CHECK (located IN ('yes', 'stale', 'no', 'refused')),
    radius        text CHECK (radius IN ('to_50_m', 'to_200_m', 'to_1_km', 'beyond')),
    word          text CHECK (word IN ('none_agreed', 'given')),
    batt          int,
    radio         text,                     -- m, w or o, by the phone's latest heartbeat
    radio_at      timestamptz,              -- when that was
    -- It became a case for the police after all: a test that has not passed.
    voided_at     timestamptz,
    voided_by     text,
    voided_for    uuid REFERENCES alert,    -- the alert with which the police were sent
    CHECK ((assignment_id IS NULL) = (beneficiary_id IS NULL)),
    CHECK ((located IN ('yes', 'stale')) = (radius IS NOT NULL) IS NOT FALSE),
    CHECK ((voided_at IS NULL) = (voided_by IS NULL) AND (voided_at IS NULL) = (voided_for IS NULL))
);
CREATE UNIQUE INDEX phone_test_one_of_alert ON phone_test (alert_id) WHERE voided_at IS NULL;
CREATE INDEX phone_test_holder ON phone_test (beneficiary_id, device_id, decided_at DESC);
GRANT SELECT, INSERT, DELETE ON phone_test TO tgd_app;
GRANT UPDATE (kind, voided_at, voided_by, voided_for) ON phone_test TO tgd_app;

-- The tests that count, each for the phone in the hands of that person: what another holder has
-- tested proves nothing for her, and a renewal takes nothing away.
CREATE VIEW passed_test AS
SELECT no, kind, alert_id, device_id, beneficiary_id, paths, decided_at, decided_by, located, radius, word, batt
FROM phone_test WHERE voided_at IS NULL;
GRANT SELECT ON passed_test TO tgd_app;

-- On the record, whoever does it, and once.
CREATE FUNCTION void_test(p_alert uuid, p_for uuid, p_by text, p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH voided AS (
        UPDATE phone_test SET voided_at = p_at, voided_by = p_by, voided_for = p_for
        WHERE alert_id = p_alert AND voided_at IS NULL
        RETURNING alert_id
    )
    INSERT INTO journal (at, actor, alert_id, kind, details)
    SELECT p_at, p_by, alert_id, 'test_voided', jsonb_build_object('alert', p_for) FROM voided;
END;

-- A verdict that is no longer "test" leaves none behind, whatever has changed it: the police, or a
-- press that came after it.
CREATE FUNCTION alert_voids_its_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM void_test(NEW.id, NEW.id, coalesce(NEW.verdict_by, 'deadline'),
                      greatest(NEW.verdict_at, NEW.last_press_at));
    RETURN NULL;
END $$;
CREATE TRIGGER alert_voids_its_test AFTER UPDATE OF verdict ON alert
    FOR EACH ROW WHEN (OLD.verdict = 'test' AND NEW.verdict IS DISTINCT FROM 'test')
    EXECUTE FUNCTION alert_voids_its_test();

-- ── Operators, and whom they must know ──────────────────────────────────────────────

-- Who was last seen, and when. A person is there while she says so and her screen is connected: the
-- server notes it every few seconds; 10 s without is away.
CREATE TABLE presence (
    name       text PRIMARY KEY,            -- an account's or a token's
    role       text NOT NULL,
    wants      text NOT NULL DEFAULT 'available' CHECK (wants IN ('available', 'away')),
    since      timestamptz NOT NULL,        -- in this state, or back after an absence
    seen_at    timestamptz NOT NULL,
    ring_group text NOT NULL DEFAULT 'first' CHECK (ring_group IN ('first', 'second')),
    site       text
);
GRANT SELECT, INSERT, UPDATE ON presence TO tgd_app;

-- A mother and her child may each have a phone: their alerts name each other.
CREATE TABLE linked_person (
    one     uuid NOT NULL REFERENCES beneficiary,
    other   uuid NOT NULL REFERENCES beneficiary CHECK (other <> one),
    PRIMARY KEY (one, other)
);
GRANT SELECT, INSERT ON linked_person TO tgd_app;

-- What an operator must know of a person at once: sealed under the key of her file, whole.
CREATE TABLE person_file (
    beneficiary_id uuid PRIMARY KEY REFERENCES beneficiary,
    content        bytea NOT NULL,
    key            bytea NOT NULL,
    changed_at     timestamptz NOT NULL,
    name_digest    bytea                    -- of her name, under a key outside the database
);
CREATE INDEX person_file_name ON person_file (name_digest) WHERE name_digest IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON person_file TO tgd_app;

-- What may be told to rooms of these alerts and their holders, sealed.
CREATE FUNCTION known_of_alerts(p_alerts uuid[])
RETURNS TABLE (alert_id uuid, beneficiary_id uuid, sim bytea, sim_key bytea, file bytea, file_key bytea,
               places known_place[], places_key bytea, notes note[], positions "position"[], presses jsonb)
LANGUAGE sql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
    SELECT a.id, s.beneficiary_id, v.sim, v.key, f.content, f.key,
           ARRAY(SELECT p FROM known_place p WHERE p.beneficiary_id = s.beneficiary_id LIMIT 20), b.key,
           ARRAY(SELECT n FROM note n
                 WHERE n.alert_id = a.id AND n.for_rooms AND n.text IS NOT NULL ORDER BY n.no DESC LIMIT 20),
           -- The newest say where she is; those of presses, and those that came before the case, where she was.
           ARRAY(SELECT q FROM (
               (SELECT q FROM "position" q WHERE q.alert_id = a.id ORDER BY q.no DESC LIMIT 12)
               UNION
               (SELECT q FROM "position" q
                WHERE q.alert_id = a.id AND (q.press_no IS NOT NULL OR q.received_at <= a.police_at)
                ORDER BY q.no DESC LIMIT 24)) AS x (q) ORDER BY (q).no DESC),
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'no', w.no, 'id', w.id, 'pressed_at', w.pressed_at, 'received_at', w.received_at,
                       'doubts', w.doubts) ORDER BY w.no), '[]')
            -- The first and the latest. "+ 0": by the alert's own index, not along that of all presses.
            FROM (SELECT p.no, p.id, p.pressed_at, p.received_at, p.doubts
                  FROM ((SELECT k.press_no FROM alert_press k WHERE k.alert_id = a.id
                         ORDER BY k.press_no + 0 LIMIT 1)
                        UNION
                        (SELECT k.press_no FROM alert_press k WHERE k.alert_id = a.id
                         ORDER BY k.press_no + 0 DESC LIMIT 10)) AS k
                  JOIN press p ON p.no = k.press_no) AS w)
    FROM alert a
    LEFT JOIN device v ON v.id = a.device
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    LEFT JOIN person_file f ON f.beneficiary_id = s.beneficiary_id
    WHERE a.id = ANY (p_alerts)
$$;

-- ── The prosecutor's office ─────────────────────────────────────────────────────────

GRANT UPDATE (allocation, reserve_floor) ON tribunal TO tgd_app;

-- Whoever asks for a phone, by any means. Each unmet one has its reason, with its date.
CREATE TABLE request (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tribunal_id    text NOT NULL REFERENCES tribunal,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    asked_at       timestamptz NOT NULL,
    source         text NOT NULL DEFAULT 'unsaid'
                   CHECK (source IN ('victim', 'association', 'police', 'gendarmerie', 'prosecutor', 'judge',
                                     'lawyer', 'health', 'social', 'relative', 'other', 'unsaid')),
    means          text NOT NULL DEFAULT 'unsaid'
                   CHECK (means IN ('telephone', 'email', 'letter', 'in_person', 'form', 'other', 'unsaid')),
    legal_basis    text CHECK (legal_basis IN ('1', '2')),
    status         text NOT NULL DEFAULT 'open'
                   CHECK (status IN ('open', 'waiting', 'granted', 'refused', 'withdrawn')),
    reason         text NOT NULL DEFAULT 'undecided',
    reason_at      timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    decided_at     timestamptz,
    decided_by     text,
    CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
    CHECK (status = 'open' OR decided_at IS NOT NULL)
);
CREATE UNIQUE INDEX request_one_unmet ON request (beneficiary_id) WHERE status IN ('open', 'waiting');
CREATE INDEX request_waiting ON request (tribunal_id, asked_at) WHERE status IN ('open', 'waiting');
GRANT SELECT, INSERT ON request TO tgd_app;
GRANT UPDATE (status, reason, reason_at, decided_at, decided_by, legal_basis) ON request TO tgd_app;

ALTER TABLE assignment ADD COLUMN request_id uuid UNIQUE REFERENCES request;

-- Whose an assignment is: the tribunal that gave the phone, its own or one on loan to it. Who lends a
-- phone learns nothing of who has it, and what was done stays whose it was when the phone is back.
ALTER TABLE assignment ADD COLUMN tribunal_id text REFERENCES tribunal;
CREATE FUNCTION assignment_is_somebodys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE assignment SET tribunal_id = coalesce(d.lent_to, d.tribunal_id)
    FROM device d WHERE assignment.id = NEW.id AND d.id = NEW.device_id;
    RETURN NULL;
END $$;
-- Afterwards: one statement may enter the phone and give it.
CREATE TRIGGER assignment_is_somebodys AFTER INSERT ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_is_somebodys();

-- His release or leave: a phone waits for her, and the danger is evaluated again.
CREATE TABLE release (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tribunal_id    text NOT NULL REFERENCES tribunal,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('release', 'leave', 'escape', 'end_of_ban')),
    happens_at     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    device_id      text REFERENCES device,  -- reserved for her; null: she holds one, or waits for one
    evaluated_at   timestamptz,
    evaluated_by   text,
    outcome        text CHECK (outcome IN ('phone_needed', 'no_danger', 'keeps_hers')),
    CHECK ((evaluated_at IS NULL) = (evaluated_by IS NULL) AND (evaluated_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX release_one_reservation ON release (device_id) WHERE evaluated_at IS NULL;
CREATE INDEX release_beneficiary ON release (beneficiary_id, happens_at) WHERE evaluated_at IS NULL;
GRANT SELECT, INSERT ON release TO tgd_app;
GRANT UPDATE (device_id, evaluated_at, evaluated_by, outcome) ON release TO tgd_app;

-- The aggressor or a relative of his is one of those readers: they get neither the alert, nor a hint,
-- nor a count. What `value` names is a service or an account, never a person.
CREATE TABLE conflict (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('institution', 'room', 'site', 'role', 'account')),
    value          text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    recorded_by    text NOT NULL,
    lifted_at      timestamptz,
    lifted_by      text,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX conflict_once ON conflict (beneficiary_id, kind, value) WHERE lifted_at IS NULL;
GRANT SELECT, INSERT ON conflict TO tgd_app;
GRANT UPDATE (lifted_at, lifted_by) ON conflict TO tgd_app;
GRANT INSERT, DELETE ON linked_person TO tgd_app;

-- The locks that stand, each for the person whom it protects and for those linked to her.
CREATE VIEW standing_lock AS
SELECT beneficiary_id, kind, value FROM conflict WHERE lifted_at IS NULL
UNION
SELECT l.other, c.kind, c.value FROM conflict c JOIN linked_person l ON l.one = c.beneficiary_id
WHERE c.lifted_at IS NULL;
GRANT SELECT ON standing_lock TO tgd_app;

-- What rooms are chosen by for one alert, and what its first messages are written from, beside what
-- known_of_alerts tells.
CREATE FUNCTION background_of_alert(p_alert uuid)
RETURNS TABLE (held alert, beneficiary text, doubts text[], locks jsonb, rooms room[], lines room_line[])
LANGUAGE sql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
    SELECT a, b.label,
           ARRAY(SELECT DISTINCT unnest(q.doubts) FROM alert_press k JOIN press q ON q.no = k.press_no
                 WHERE k.alert_id = a.id),
           (SELECT jsonb_agg(jsonb_build_array(l.kind, l.value)) FROM standing_lock l
            WHERE l.beneficiary_id = s.beneficiary_id),
           ARRAY(SELECT r FROM room r ORDER BY r.id),
           ARRAY(SELECT l FROM room_line l WHERE l.adapter <> 'voice' ORDER BY l.room_id, l.line)
    FROM alert a
    LEFT JOIN assignment s ON s.id = a.assignment_id
    LEFT JOIN beneficiary b ON b.id = s.beneficiary_id
    WHERE a.id = p_alert
$$;

-- Never more out than allocated: whoever changes what is out first has the tribunal's row, and so
-- counts what everybody before him has committed. Out is what somebody holds, or has on loan; a
-- phone that was muted raises no alert and is written off.
CREATE FUNCTION stock_is_within(p_tribunals text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_over text;
BEGIN
    PERFORM FROM tribunal t WHERE t.id = ANY (p_tribunals) ORDER BY t.id FOR NO KEY UPDATE;
    SELECT t.id INTO v_over FROM tribunal t
    WHERE t.id = ANY (p_tribunals) AND t.allocation < (
        SELECT count(*) FROM device d
        WHERE d.tribunal_id = t.id AND d.muted_at IS NULL AND (d.lent_to IS NOT NULL OR EXISTS (
            SELECT FROM assignment a WHERE a.device_id = d.id AND a.returned_at IS NULL)));
    IF FOUND THEN
        RAISE EXCEPTION 'tribunal %: more phones would be out than it was allocated', v_over
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stock_is_within';
    END IF;
END $$;

CREATE FUNCTION assignment_is_within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stock_is_within(ARRAY(SELECT DISTINCT d.tribunal_id FROM fresh f JOIN device d ON d.id = f.device_id
                                  WHERE f.returned_at IS NULL));
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_is_within AFTER INSERT ON assignment
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION assignment_is_within();

CREATE FUNCTION tribunal_is_within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM stock_is_within(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER tribunal_is_within AFTER UPDATE OF allocation ON tribunal
    FOR EACH ROW EXECUTE FUNCTION tribunal_is_within();

-- What a phone is lent, given back or muted for; a loan stays within the court of appeal.
CREATE FUNCTION device_is_possible() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_held boolean;
BEGIN
    IF NEW.lent_to IS NOT NULL AND NOT EXISTS (
        SELECT FROM tribunal o JOIN tribunal b ON b.court = o.court WHERE o.id = NEW.tribunal_id AND b.id = NEW.lent_to
    ) THEN
        RAISE EXCEPTION 'device %: a loan stays within the court of appeal', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'loan_within_the_court';
    END IF;
    -- Muted only once another phone of hers was heard in a hand-over test, and is still there.
    IF NEW.muted_at IS NOT NULL AND OLD.muted_at IS NULL AND EXISTS (
        SELECT FROM assignment a WHERE a.device_id = NEW.id AND a.returned_at IS NULL AND NOT EXISTS (
            SELECT FROM assignment r JOIN device o ON o.id = r.device_id
            WHERE r.beneficiary_id = a.beneficiary_id AND r.id <> a.id AND r.returned_at IS NULL
              AND r.ended_at IS NULL AND r.tested_at IS NOT NULL AND o.compromised_at IS NULL
              AND o.state NOT IN ('lost', 'stolen', 'broken'))
    ) THEN
        RAISE EXCEPTION 'device %: its replacement was not tested', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'replacement_tested';
    END IF;
    -- What is with somebody is not in stock, whatever is written; what is with nobody was not handed over.
    v_held := EXISTS (SELECT FROM assignment a WHERE a.device_id = NEW.id AND a.returned_at IS NULL);
    IF (v_held AND NEW.state NOT IN ('reserved', 'handed_over', 'lost', 'stolen', 'broken'))
       OR (NOT v_held AND NEW.state = 'handed_over') THEN
        RAISE EXCEPTION 'device %: % does not fit who holds it', NEW.id, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'device_fits_holder';
    END IF;
    PERFORM stock_is_within(ARRAY[OLD.tribunal_id, NEW.tribunal_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER device_is_possible AFTER UPDATE OF state, tribunal_id, lent_to, muted_at ON device
    FOR EACH ROW EXECUTE FUNCTION device_is_possible();

-- A phone follows its assignment: taken with it, back with its return.
CREATE FUNCTION assignment_moves_phone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_device device;
BEGIN
    SELECT * INTO v_device FROM device WHERE id = NEW.device_id FOR NO KEY UPDATE;
    IF TG_OP = 'INSERT' THEN
        IF NEW.returned_at IS NOT NULL THEN
            RETURN NULL;
        END IF;
        IF v_device.state IN ('lost', 'stolen', 'broken') OR v_device.compromised_at IS NOT NULL THEN
            RAISE EXCEPTION 'device %: it is % or compromised, and cannot be handed over', NEW.device_id,
                v_device.state USING ERRCODE = 'check_violation', CONSTRAINT = 'device_is_sound';
        END IF;
        UPDATE device SET state_at = NEW.starts_at,
            state = CASE WHEN NEW.handed_over_at IS NULL THEN 'reserved' ELSE 'handed_over' END
        WHERE id = NEW.device_id;
    ELSIF NEW.returned_at IS NOT NULL AND OLD.returned_at IS NULL THEN
        UPDATE device SET state = CASE WHEN state = 'broken' THEN state ELSE 'returned' END,
                          state_at = NEW.returned_at, lost_at = NULL
        WHERE id = NEW.device_id;
    ELSIF NEW.handed_over_at IS NOT NULL AND OLD.handed_over_at IS NULL AND v_device.state = 'reserved' THEN
        UPDATE device SET state = 'handed_over', state_at = NEW.handed_over_at WHERE id = NEW.device_id;
    ELSIF NEW.wiped_at IS NOT NULL AND OLD.wiped_at IS NULL AND v_device.state = 'returned' THEN
        UPDATE device SET state = 'wiped', state_at = NEW.wiped_at WHERE id = NEW.device_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_moves_phone AFTER INSERT OR UPDATE OF handed_over_at, returned_at, wiped_at ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_moves_phone();

-- What was done to an assignment stays done, and it stays hers, this phone's and this tribunal's.
CREATE FUNCTION assignment_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.device_id, NEW.beneficiary_id, NEW.starts_at) IS DISTINCT FROM
       (OLD.device_id, OLD.beneficiary_id, OLD.starts_at)
       OR (OLD.tribunal_id IS NOT NULL AND NEW.tribunal_id IS DISTINCT FROM OLD.tribunal_id)
       OR (OLD.handed_over_at IS NOT NULL AND NEW.handed_over_at IS DISTINCT FROM OLD.handed_over_at)
       OR (OLD.tested_at IS NOT NULL AND NEW.tested_at IS DISTINCT FROM OLD.tested_at)
       OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at IS DISTINCT FROM OLD.ended_at
                                         OR NEW.ends_at IS DISTINCT FROM OLD.ends_at))
       OR (OLD.returned_at IS NOT NULL AND NEW.returned_at IS DISTINCT FROM OLD.returned_at)
       OR (OLD.wiped_at IS NOT NULL AND NEW.wiped_at IS DISTINCT FROM OLD.wiped_at) THEN
        RAISE EXCEPTION 'assignment %: what was done is not undone', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_moves_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assignment_moves_forward BEFORE UPDATE ON assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_moves_forward();
REVOKE DELETE ON assignment, device FROM tgd_app;

-- ── The journal proves itself ───────────────────────────────────────────────────────

-- Where each chain ends. Its row is what makes the writers of one chain take turns.
CREATE TABLE journal_head (
    chain  uuid PRIMARY KEY,
    number bigint NOT NULL,
    hash   bytea NOT NULL,
    sealed bigint NOT NULL DEFAULT 0,       -- up to which number a checkpoint vouches for it
    redacted bigint NOT NULL DEFAULT 0      -- up to which number its term was looked after
) WITH (fillfactor = 70);
GRANT SELECT ON journal_head TO tgd_app;
GRANT UPDATE (sealed) ON journal_head TO tgd_app;

-- Whatever a writer says of chain, number, salt and hashes is overwritten. Runs as its owner: the
-- server itself cannot set a head. So nothing in it may be looked for where a caller can put something
-- of his own: with no path of its own, a temporary type called "text" ran as the owner.
CREATE FUNCTION journal_is_chained() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_actor bytea := convert_to(NEW.actor, 'UTF8');
    v_rest  bytea;
BEGIN
    NEW.chain := coalesce(NEW.alert_id, NEW.assignment_id, '00000000-0000-0000-0000-000000000000');
    NEW.salt := uuid_send(gen_random_uuid());
    NEW.content := sha256(NEW.salt || int4send(length(v_actor)) || v_actor
                          || convert_to(NEW.details::text, 'UTF8'));
    v_rest := int8send(NEW.no) || timestamptz_send(NEW.at)
           || coalesce(uuid_send(NEW.alert_id), '\x00000000000000000000000000000000')
           || coalesce(uuid_send(NEW.assignment_id), '\x00000000000000000000000000000000')
           || NEW.content || convert_to(NEW.kind, 'UTF8');
    INSERT INTO public.journal_head AS h (chain, number, hash)
    VALUES (NEW.chain, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1) || v_rest))
    ON CONFLICT (chain) DO UPDATE
        SET number = h.number + 1, hash = sha256(h.hash || int8send(h.number + 1) || v_rest)
    RETURNING h.number, h.hash INTO NEW.number, NEW.hash;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_is_chained BEFORE INSERT ON journal
    FOR EACH ROW EXECUTE FUNCTION journal_is_chained();

-- Only what has taken something away may account for it: the redaction itself, which runs as its owner.
CREATE FUNCTION journal_redaction_is_one() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_called text;
BEGIN
    GET DIAGNOSTICS v_called = PG_CONTEXT;
    IF v_called !~ '[ .]journal_redact\(uuid,timestamp' OR current_user <> (
        SELECT pg_get_userbyid(p.proowner) FROM pg_proc p
        WHERE p.proname = 'journal_redact' AND p.pronamespace = 'public'::regnamespace
    ) THEN
        RAISE EXCEPTION 'only a redaction says so' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_redaction_is_one BEFORE INSERT ON journal
    FOR EACH ROW WHEN (NEW.kind = 'redacted') EXECUTE FUNCTION journal_redaction_is_one();

-- ── Redaction ───────────────────────────────────────────────────────────────────────

-- At the end of the legal term what an entry says goes, and the salt with it, without which what
-- it said cannot be tried out; its number, time, kind and hashes stay, and so does the chain.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tgd_redactor') THEN
        CREATE ROLE tgd_redactor NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this cluster was migrated at the same moment
END $$;
GRANT tgd_redactor TO CURRENT_USER;

-- Redacts a chain's entries from its first on, as long as they are older than p_before; says so in
-- the same chain, and returns how many they were. Not what a criminal case holds, nor an open alert.
-- What was redacted before is not looked at again: chains are long, and their writers wait. Every table
-- is called by its schema's name: a caller's own, temporary one would say that nothing is held.
CREATE FUNCTION journal_redact(p_chain uuid, p_before timestamptz, p_now timestamptz, p_actor text, p_ground text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_past bigint;
    v_from bigint;
    v_to   bigint;
    v_done bigint;
BEGIN
    IF p_ground !~ '^[a-z0-9_]{1,64}$' THEN
        RAISE EXCEPTION 'the ground of a redaction is a code' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM public.alert a WHERE a.id = p_chain FOR SHARE;
    IF EXISTS (SELECT FROM public.alert a WHERE a.id = p_chain AND a.status <> 'closed')
       OR EXISTS (SELECT FROM public.retention r WHERE r.alert_id = p_chain AND r.hold) THEN
        RETURN 0;
    END IF;
    SELECT h.redacted INTO v_past FROM public.journal_head h WHERE h.chain = p_chain FOR UPDATE;  -- two at once take turns
    SELECT j.number - 1 INTO v_to FROM public.journal j
    WHERE j.chain = p_chain AND j.number > v_past AND j.at >= p_before ORDER BY j.number LIMIT 1;
    IF NOT FOUND THEN
        SELECT max(j.number) INTO v_to FROM public.journal j WHERE j.chain = p_chain;
    END IF;
    IF v_to IS NULL OR v_to <= v_past THEN
        RETURN 0;
    END IF;
    UPDATE public.journal_head SET redacted = v_to WHERE chain = p_chain;
    SELECT min(number) INTO v_from FROM public.journal
    WHERE chain = p_chain AND number > v_past AND number <= v_to AND salt IS NOT NULL AND kind <> 'redacted';
    IF v_from IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE public.journal SET actor = NULL, details = NULL, salt = NULL
    WHERE chain = p_chain AND number BETWEEN v_from AND v_to AND salt IS NOT NULL AND kind <> 'redacted';
    GET DIAGNOSTICS v_done = ROW_COUNT;
    INSERT INTO public.journal (at, actor, alert_id, assignment_id, kind, details)
    SELECT p_now, p_actor, j.alert_id, j.assignment_id, 'redacted',
           jsonb_build_object('from', v_from, 'to', v_to, 'entries', v_done, 'ground', p_ground)
    FROM public.journal j WHERE j.chain = p_chain AND j.number = v_from;
    RETURN v_done;
END $$;
REVOKE EXECUTE ON FUNCTION journal_redact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal_redact TO tgd_redactor;

-- ── Checkpoints ─────────────────────────────────────────────────────────────────────

-- Signed statements of where the chains ended: what is cut off behind one, or taken away whole, is
-- missed. The key is elsewhere.
CREATE TABLE journal_seal (
    no         bigint PRIMARY KEY,
    statement  text NOT NULL,
    signature  bytea NOT NULL,
    public_key bytea NOT NULL
);
CREATE TABLE journal_seal_head (
    seal_no bigint NOT NULL REFERENCES journal_seal,
    chain   uuid NOT NULL,
    number  bigint NOT NULL,
    hash    bytea NOT NULL,
    PRIMARY KEY (chain, number)
);
CREATE INDEX journal_seal_heads ON journal_seal_head (seal_no, chain);
GRANT SELECT, INSERT ON journal_seal, journal_seal_head TO tgd_app;
CREATE TRIGGER journal_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_seal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
CREATE TRIGGER journal_seal_head_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_seal_head
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- ── Credentials of phones ───────────────────────────────────────────────────────────

-- What a phone proves itself with, and knows us by. The register is the truth: the broker is made
-- to say the same (tgd/devices/enrolment.py). A row is a credential; it ends and never comes back.
CREATE TABLE phone_credential (
    id         uuid PRIMARY KEY,            -- ours, before the insertion: secrets are sealed for it
    device_id  text NOT NULL REFERENCES device,
    serial     text NOT NULL UNIQUE CHECK (serial ~ '^[0-9a-f]{16,40}$'),   -- its certificate's
    state      text NOT NULL DEFAULT 'active'
               CHECK (state IN ('active', 'rotated', 'ended', 'compromised')),
    password   bytea,                       -- at the broker; sealed; gone with the credential
    mac_key    bytea,                       -- proves our messages to the phone; the same
    issued_at  timestamptz NOT NULL,
    issued_by  text NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),         -- the certificate
    ended_at   timestamptz,
    ended_by   text,
    settled_at timestamptz,                 -- since when every broker says the same; null: not yet
    CHECK ((state = 'active') = (ended_at IS NULL)),
    CHECK ((state = 'active') = (ended_by IS NULL)),
    CHECK ((state = 'active') = (password IS NOT NULL)),
    CHECK ((state = 'active') = (mac_key IS NOT NULL))
);
CREATE UNIQUE INDEX phone_credential_one_active ON phone_credential (device_id) WHERE state = 'active';
CREATE INDEX phone_credential_device ON phone_credential (device_id, issued_at DESC);
GRANT SELECT, INSERT ON phone_credential TO tgd_app;
GRANT UPDATE (state, password, mac_key, ended_at, ended_by, settled_at) ON phone_credential TO tgd_app;

CREATE FUNCTION phone_credential_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tgd', 'credentials');
    RETURN NULL;
END $$;
CREATE TRIGGER phone_credential_is_told AFTER INSERT OR UPDATE OF state ON phone_credential
    FOR EACH STATEMENT EXECUTE FUNCTION phone_credential_is_told();

CREATE FUNCTION phone_credential_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential %: it has ended and does not come back', OLD.id
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER phone_credential_ends_once BEFORE UPDATE OF state ON phone_credential
    FOR EACH ROW WHEN (OLD.state <> 'active' AND NEW.state <> OLD.state
                       AND NOT (OLD.state = 'compromised' AND NEW.state = 'ended'))
    EXECUTE FUNCTION phone_credential_ends_once();

-- End what a phone can come in with: at the broker and by HTTPS. Nothing else ever ends it: not the
-- end of the assignment, not the loss of the phone.
CREATE FUNCTION end_credentials(p_device text, p_state text, p_at timestamptz, p_by text)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_ended int;
BEGIN
    UPDATE phone_credential SET state = p_state, ended_at = p_at, ended_by = p_by,
                                password = NULL, mac_key = NULL, settled_at = NULL
    WHERE device_id = p_device
      AND (state = 'active' OR (state = 'compromised' AND p_state = 'ended'));
    GET DIAGNOSTICS v_ended = ROW_COUNT;
    UPDATE token SET revoked_at = p_at WHERE role = 'phone' AND name = p_device AND revoked_at IS NULL;
    RETURN v_ended;
END $$;

-- A phone that is attested as back cannot come in any more, whoever attests it.
CREATE FUNCTION returned_phone_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM end_credentials(NEW.device_id, 'ended', NEW.returned_at, 'return');
    RETURN NULL;
END $$;
CREATE TRIGGER returned_phone_ends AFTER UPDATE OF returned_at ON assignment
    FOR EACH ROW WHEN (OLD.returned_at IS NULL AND NEW.returned_at IS NOT NULL)
    EXECUTE FUNCTION returned_phone_ends();

-- ── Logging in ──────────────────────────────────────────────────────────────────────

-- One-time codes for who has lost the second factor.
CREATE TABLE recovery_code (
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    hash       bytea NOT NULL,              -- SHA-256 of the code
    made_at    timestamptz NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);
GRANT SELECT, INSERT, DELETE ON recovery_code TO tgd_app;
GRANT UPDATE (used_at) ON recovery_code TO tgd_app;

-- Failed logins: who has to wait how long follows from these two. Never a name nor an address: a
-- keyed hash of one, as people type passwords where names belong.
CREATE TABLE login_delay (
    who      bytea PRIMARY KEY,
    failures int NOT NULL CHECK (failures >= 0),
    last_at  timestamptz NOT NULL
);
CREATE INDEX login_delay_old ON login_delay (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON login_delay TO tgd_app;

-- ── Associations ────────────────────────────────────────────────────────────────────

-- What an association does for a tribunal, and until when; `association` is a body's name.
CREATE TABLE convention (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tribunal_id text NOT NULL REFERENCES tribunal,
    association text NOT NULL CHECK (length(association) BETWEEN 1 AND 200),
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    ended_at    timestamptz,                -- before its term
    ended_by    text,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX convention_tribunal ON convention (tribunal_id);

-- One member of the association's staff, by the account, cleared by name.
CREATE TABLE clearance (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    convention_id uuid NOT NULL REFERENCES convention,
    account_id    uuid NOT NULL REFERENCES account,
    cleared_at    timestamptz NOT NULL,
    cleared_by    text NOT NULL,
    ended_at      timestamptz,
    ended_by      text,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX clearance_once ON clearance (convention_id, account_id) WHERE ended_at IS NULL;

-- Whom a cleared member follows.
CREATE TABLE entrusted (
    clearance_id   uuid NOT NULL REFERENCES clearance,
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    entrusted_at   timestamptz NOT NULL,
    entrusted_by   text NOT NULL,
    ended_at       timestamptz,
    ended_by       text,
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX entrusted_once ON entrusted (clearance_id, beneficiary_id) WHERE ended_at IS NULL;
CREATE INDEX entrusted_person ON entrusted (beneficiary_id) WHERE ended_at IS NULL;

GRANT SELECT, INSERT ON convention, clearance, entrusted TO tgd_app;
GRANT UPDATE (ended_at, ended_by) ON convention, clearance, entrusted TO tgd_app;

-- Who follows whom, from when until when: as long as all three last.
CREATE VIEW followed AS
SELECT a.username, e.beneficiary_id,
       greatest(c.starts_at, k.cleared_at, e.entrusted_at) AS since,
       least(c.ends_at, c.ended_at, k.ended_at, e.ended_at) AS until
FROM entrusted e
JOIN clearance k ON k.id = e.clearance_id
JOIN convention c ON c.id = k.convention_id
JOIN account a ON a.id = k.account_id
WHERE a.role = 'association' AND a.disabled_at IS NULL;
GRANT SELECT ON followed TO tgd_app;

-- ── Erasure by term ─────────────────────────────────────────────────────────────────

-- See tgd/platform/terms.toml. What the server may not delete, the role that redacts the journal may, and
-- nobody else.

-- What the prosecutor holds for a criminal case, and whose it is.
CREATE VIEW held_alert AS
SELECT r.alert_id, a.assignment_id, s.beneficiary_id
FROM retention r JOIN alert a ON a.id = r.alert_id LEFT JOIN assignment s ON s.id = a.assignment_id
WHERE r.hold;
GRANT SELECT ON held_alert TO tgd_app, tgd_redactor;

-- Persons of whom nothing is expected any more: no phone out, no request open, no release to be looked
-- at. Since when, and by what: her last phone came back, or her last request was decided.
CREATE VIEW person_term AS
SELECT b.id,
       CASE WHEN back.at >= coalesce(said.at, back.at) THEN 'returned' ELSE 'decided' END AS begins,
       coalesce(greatest(back.at, said.at), b.created_at) AS since,
       EXISTS (SELECT FROM held_alert h WHERE h.beneficiary_id = b.id) AS held
FROM beneficiary b
LEFT JOIN LATERAL (SELECT max(s.returned_at) AS at FROM assignment s WHERE s.beneficiary_id = b.id) AS back ON true
LEFT JOIN LATERAL (SELECT max(q.decided_at) AS at FROM request q
                   WHERE q.beneficiary_id = b.id AND q.status IN ('refused', 'withdrawn')) AS said ON true
WHERE NOT EXISTS (SELECT FROM assignment s WHERE s.beneficiary_id = b.id AND s.returned_at IS NULL)
  AND NOT EXISTS (SELECT FROM request q WHERE q.beneficiary_id = b.id AND q.status IN ('open', 'waiting'))
  AND NOT EXISTS (SELECT FROM release e WHERE e.beneficiary_id = b.id AND e.evaluated_at IS NULL);
GRANT SELECT ON person_term TO tgd_app, tgd_redactor;

GRANT SELECT, DELETE ON person_file, known_place, phone_test, release, entrusted, clearance, convention,
    linked_person, conflict, recontact, alert_press, press, dispatch, envelope, task, deadline, note,
    position, retention, alert, consent, assignment, request, beneficiary, phone_credential, downlink,
    quarantine, account, token, presence, web_session, login_delay TO tgd_redactor;
GRANT SELECT ON device, tribunal TO tgd_redactor;
GRANT UPDATE (label, all_clear_word, key, word_key) ON beneficiary TO tgd_redactor;
GRANT UPDATE (content, key, replaces) ON assignment TO tgd_redactor;
GRANT UPDATE (sim, key, number_digest) ON device TO tgd_redactor;
GRANT UPDATE (follows) ON alert TO tgd_redactor;

-- What an agency's login was begun with serves once.
CREATE TABLE oidc_state (
    hash       bytea PRIMARY KEY,           -- SHA-256
    expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON oidc_state TO tgd_app;

-- ── The office's acts, and the end of a term ────────────────────────────────────────

-- What a transaction enters into the journal names the key that it acts under (`acts.begin`).
CREATE FUNCTION under_key(p_details jsonb) RETURNS jsonb LANGUAGE sql STABLE
RETURN CASE WHEN coalesce(current_setting('tgd.act', true), '') = '' THEN p_details
            ELSE p_details || jsonb_build_object('act', current_setting('tgd.act', true)) END;
CREATE INDEX journal_act ON journal (actor, (details ->> 'act')) WHERE alert_id IS NULL AND details ? 'act';

-- Somebody has seen that this term ends, so many days before (0: it has ended). A new end, or the next
-- step, is to be seen anew.
CREATE TABLE term_warning (
    assignment_id uuid NOT NULL REFERENCES assignment ON DELETE CASCADE,
    ends_at       timestamptz NOT NULL,
    days          int NOT NULL CHECK (days IN (60, 30, 7, 0)),
    seen_at       timestamptz NOT NULL,
    seen_by       text NOT NULL,
    PRIMARY KEY (assignment_id, ends_at, days)
);
GRANT SELECT, INSERT ON term_warning TO tgd_app;

-- A file that was opened outside of the reader's rights or of its term, for a while, for a reason.
CREATE TABLE break_glass (
    id             uuid PRIMARY KEY,        -- ours, before the insertion: the reason is sealed for it
    beneficiary_id uuid NOT NULL REFERENCES beneficiary ON DELETE CASCADE,
    reader         text NOT NULL,
    role           text NOT NULL CHECK (role IN ('supervisor', 'prosecutor')),
    at             timestamptz NOT NULL,
    until          timestamptz NOT NULL CHECK (until > at),
    reason         bytea NOT NULL,          -- sealed
    key            bytea                    -- that opens it; null: the master secret does
);
CREATE INDEX break_glass_stands ON break_glass (beneficiary_id, reader, until);
CREATE INDEX break_glass_at ON break_glass (at DESC);
GRANT SELECT, INSERT ON break_glass TO tgd_app;
GRANT SELECT, DELETE ON break_glass TO tgd_redactor;

-- ── Exercises ───────────────────────────────────────────────────────────────────────

-- One exercise by one line of a control room: the row is the hand-over, its id the distributionID.
CREATE TABLE exercise (
    id              uuid PRIMARY KEY,
    room_id         text NOT NULL REFERENCES room,
    line            int NOT NULL,
    settings        jsonb NOT NULL,         -- the line's, when it was asked for
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
    recorded_by     text,                   -- who had the room's person on the telephone
    call_taker      bytea,                  -- sealed: that person's name
    key             bytea,                  -- that opens it; null: the master secret does
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

-- ── What rooms have said ────────────────────────────────────────────────────────────

-- Each message of a control room, under the room's own number: brought again it changes nothing.
CREATE TABLE heard (
    room_id  text NOT NULL REFERENCES room,
    id       bytea NOT NULL,                -- SHA-256 of its distributionID
    digest   bytea NOT NULL,                -- of what it says: other words under one id are refused
    alerts   uuid[] NOT NULL,               -- what it is about; none: an exercise
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, id)
);
CREATE INDEX heard_at ON heard (heard_at);
GRANT SELECT, INSERT ON heard TO tgd_app;
GRANT SELECT, DELETE ON heard TO tgd_redactor;
