"""Everything on one machine, for a person to try: database, broker, control room, story."""
