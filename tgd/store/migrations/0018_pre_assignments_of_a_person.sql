-- Linked persons' alerts are found by person, also under assignments that have ended: with every alert
-- that a console reads.

CREATE INDEX assignment_beneficiary ON assignment (beneficiary_id);
