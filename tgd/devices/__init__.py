"""Everything that speaks to phones; it ends at a Press."""
