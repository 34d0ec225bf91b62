"""Bitmaps of numbered children: 10,000 items of a fan-out take 1,250 bytes of their flow's record."""

from collections.abc import Iterable, Iterator


def has(bits: bytes, index: int) -> bool:
    """Whether the number is in the bitmap; what lies beyond its end is not."""
    byte = index >> 3
    return byte < len(bits) and bool(bits[byte] >> (index & 7) & 1)


def add(bits: bytes, indexes: Iterable[int]) -> bytes:
    """The bitmap with these numbers in it."""
    grown = bytearray(bits)
    for index in indexes:
        byte = index >> 3
        if byte >= len(grown):
            grown.extend(bytes(byte + 1 - len(grown)))
        grown[byte] |= 1 << (index & 7)
    return bytes(grown)


def absent(bits: bytes, start: int, stop: int) -> Iterator[int]:
    """The numbers from `start` up to `stop` (exclusive) that are not in the bitmap, ascending."""
    return (index for index in range(start, stop) if not has(bits, index))


def count(bits: bytes) -> int:
    """How many numbers are in the bitmap."""
    return int.from_bytes(bits, "little").bit_count()
