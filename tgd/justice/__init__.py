"""The prosecutor's office: stock, assignments, waiting list, consents.

What an alert needs of them is in the register (``store.register``, the view ``holder``); granting,
renewing and revoking a phone are not built yet.
"""
