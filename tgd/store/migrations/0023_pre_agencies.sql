-- Logging in by an agency's own login (OpenID Connect): whose account it is, and answers that serve once.

ALTER TABLE account
    ADD COLUMN issuer  text,                -- of an agency that vouches for this person (OpenID Connect)
    ADD COLUMN subject text,                -- what the agency knows this person by
    ADD CHECK ((issuer IS NULL) = (subject IS NULL)),
    ADD UNIQUE (issuer, subject);

-- What an agency's login was begun with serves once.
CREATE TABLE oidc_state (
    hash       bytea PRIMARY KEY,           -- SHA-256
    expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON oidc_state TO tgd_app;
