"""The prosecutor's office: stock, assignments, waiting list, consents, releases, conflicts.

What an alert needs of them is in the register (the view ``holder``); nothing here stands between a
press and its alert. ``domain`` holds the rules, ``flow`` the acts, one transaction each.
"""
