"""tgd: a press of a Téléphone Grave Danger becomes an acknowledged dispatch."""
