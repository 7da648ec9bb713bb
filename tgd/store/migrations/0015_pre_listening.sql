-- The line to the phone as an operator has made it, and since when; a later press undoes it.

ALTER TABLE alert
    ADD COLUMN line    text CHECK (line IN ('mic_only', 'duplex')),
    ADD COLUMN line_at timestamptz;
