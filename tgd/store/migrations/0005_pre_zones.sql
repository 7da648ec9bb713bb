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

GRANT SELECT, INSERT ON zone_set, zone_service, zone TO tgd_app;
GRANT UPDATE (active, activated_at), DELETE ON zone_set TO tgd_app;
GRANT USAGE ON SEQUENCE zone_set_no_seq TO tgd_app;
