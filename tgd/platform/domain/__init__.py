"""What an alert is and may become: pure rules, no clock, no database, no network.

Every function takes ``now`` and an alert and changes the alert in memory: its state, its running
deadlines, what goes to rooms and to the phone, and the facts for the journal. The flows load an
alert under a lock, call one of these and save what has changed in one transaction.
"""
