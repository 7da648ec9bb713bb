"""The commands of ``tgd``: what an administrator does at a terminal.

``commands`` is the list of them, with their help; each command's work stands in a module of its
own, imported only when the command runs, so that ``tgd --help`` answers at once.
"""
