"""Lines of text in a working file: whole ones only."""

from services.gateway_sim.files.working_file import WorkingFile


class TextFile:
    """Takes whole lines; `rows` are those that stand in the file, the header apart."""

    def __init__(self, file: WorkingFile, header: bytes = b"") -> None:
        self._file = file
        self._header = header
        self._whole = (0, 0)
        """Where whole lines end, and how many they are; set in one go, so an interruption finds it right."""
        self._under_way = b""

    @property
    def rows(self) -> int:
        return self._whole[1]

    def write(self, block: bytes, count: int) -> None:
        """Add so many lines. Raises `OSError` when there is no room for all of them."""
        end, rows = self._whole
        if end == 0 and self._header:
            self._file.append(self._header)
            self._whole = end, rows = len(self._header), 0
        self._under_way = block
        self._file.append(block)
        self._whole = end + len(block), rows + count

    def finish(self) -> None:
        """All is there."""

    def settle(self) -> None:
        """Keep what was written as far as the last whole line."""
        if not self._file.begun:
            return
        end, rows = self._whole
        keep = self._under_way.rfind(b"\n", 0, max(0, self._file.size - end)) + 1
        self._file.cut(end + keep)
        self._whole = end + keep, rows + self._under_way.count(b"\n", 0, keep)
