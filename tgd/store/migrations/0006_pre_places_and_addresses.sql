-- What the operator is told beside a position: the person's known places, the nearest address.

-- Her file's data key; everything about her places but their kind is sealed under it.
ALTER TABLE beneficiary ADD COLUMN key bytea;

CREATE TABLE known_place (
    id             uuid PRIMARY KEY,        -- ours, before the insertion: the content is sealed for it
    beneficiary_id uuid NOT NULL REFERENCES beneficiary,
    kind           text NOT NULL CHECK (kind IN ('home', 'work', 'school', 'aggressor', 'other')),
    content        bytea NOT NULL,          -- sealed: label, address, coordinates, radius, approach
    created_at     timestamptz NOT NULL
);
CREATE INDEX known_place_beneficiary ON known_place (beneficiary_id);

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

GRANT SELECT, INSERT, DELETE ON known_place, address, address_extract TO tgd_app;
