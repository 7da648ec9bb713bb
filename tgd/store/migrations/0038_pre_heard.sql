-- What control rooms have said, each under their own number: a broker or a room that brings it again
-- changes nothing by it, also after what has happened since.
CREATE TABLE heard (
    room_id  text NOT NULL REFERENCES room,
    id       bytea NOT NULL,
    digest   bytea NOT NULL,
    alerts   uuid[] NOT NULL,
    heard_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, id)
);
CREATE INDEX heard_at ON heard (heard_at);
GRANT SELECT, INSERT ON heard TO tgd_app;
GRANT SELECT, DELETE ON heard TO tgd_redactor;
