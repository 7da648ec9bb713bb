"""The office's acts, each one transaction and one entry in the journal.

``stock`` for the phones, ``assigning`` for giving one, ``life`` for what becomes of it, ``waiting``
for those who have none, ``releases`` for what is announced of the aggressor. No act imports
another; what they share is the lock on the tribunal's row (``desk``).
"""
