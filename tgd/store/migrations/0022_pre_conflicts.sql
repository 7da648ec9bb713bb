-- The locks that stand, each for the person whom it protects and for those linked to her.
CREATE VIEW standing_lock AS
SELECT beneficiary_id, kind, value FROM conflict WHERE lifted_at IS NULL
UNION
SELECT l.other, c.kind, c.value FROM conflict c JOIN linked_person l ON l.one = c.beneficiary_id
WHERE c.lifted_at IS NULL;
GRANT SELECT ON standing_lock TO tgd_app;
