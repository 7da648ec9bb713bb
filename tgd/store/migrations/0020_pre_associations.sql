-- Associations: which convention binds them, whom of their staff the prosecutor has cleared, for whom.

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
