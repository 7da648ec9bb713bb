"""The rules of the prosecutor's office: pure, with the time as an input.

They know no database, no clock and no wire. What they refuse, the schema refuses as well where two
acts could pass each other.
"""
