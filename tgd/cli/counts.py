"""How many of what, as one says it: `1 room`, `2 rooms`.

Serves every command that tells a number to whoever sits at the terminal.
"""


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun; ``many`` where the plural is not formed by an s."""
    return f"{n} {one if n == 1 else many or f'{one}s'}"
