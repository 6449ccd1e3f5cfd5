"""The chunks of a PNG file, where Pillow needs help with them.

A PNG file is a signature and a list of chunks: length (4 bytes), kind (4), content, checksum (4). Their order and
meaning: https://www.w3.org/TR/png-3/.
"""

from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tIME")


def significant_bits(data: bytes) -> int | None:
    """Return how many bits of a colour mean something, as the chunk sBIT tells; None if it does not."""
    for kind, _, content in _chunks(data):
        if kind == b"sBIT" and content:
            return max(content[:3]) or None
        if kind in (b"IDAT", b"IEND"):
            break
    return None


def without_notes(data: bytes) -> bytes | None:
    """Return a PNG file without its texts and profiles; None if it is no PNG, or has none.

    A damaged or enormous text says nothing about the picture beside it.
    """
    if not data.startswith(_SIGNATURE):
        return None
    kept = [whole for kind, whole, _ in _chunks(data) if kind not in _NOTES]
    clean = b"".join([_SIGNATURE, *kept])
    return clean if len(clean) < len(data) else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, whole chunk and content; what comes behind a chunk that is cut off is not looked at."""
    place = len(_SIGNATURE)
    while data.startswith(_SIGNATURE) and place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        whole = data[place : place + 12 + length]
        yield whole[4:8], whole, whole[8 : 8 + length]
        place += 12 + length
