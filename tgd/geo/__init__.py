"""Pure geometry: where a phone may be, how well that is known, and how old it is."""
