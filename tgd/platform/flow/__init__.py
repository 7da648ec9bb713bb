"""The table of contents: one file for each arrow.

``intake`` press → alert (``rescue`` beside it), ``triage`` alert → decision, ``sending`` decision →
dispatch and ``inbound`` its way back, ``watch`` over all of them. A stage ends with a commit; the
next begins by reading that row. No flow imports another.
"""
