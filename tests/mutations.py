"""Files as they arrive when something went wrong on the way: bytes flipped, lines dropped, joined, repeated."""

from random import Random

_SPRINKLED = (b"\0", b'"', b",", b";", b"\r", b"\xff", b"'", b"<")


def mutated(content: bytes, chance: Random) -> bytes:
    """Return a file with a few things done to it."""
    for _ in range(chance.randint(1, 6)):
        lines = content.split(b"\n")
        at = chance.randrange(len(lines))
        match chance.choice(("flip", "flip", "drop", "join", "repeat", "cut", "sprinkle")):
            case "flip" if content:
                place = chance.randrange(len(content))
                content = content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]
            case "drop":
                content = b"\n".join(lines[:at] + lines[at + 1 :])
            case "join":
                content = b"\n".join([*lines[:at], b"".join(lines[at : at + 2]), *lines[at + 2 :]])
            case "repeat":
                content = b"\n".join([*lines[:at], *[lines[at]] * chance.randint(2, 4), *lines[at + 1 :]])
            case "cut":
                content = content[: chance.randrange(len(content) + 1)]
            case "sprinkle":
                place = chance.randrange(len(content) + 1)
                content = content[:place] + chance.choice(_SPRINKLED) + content[place:]
    return content
