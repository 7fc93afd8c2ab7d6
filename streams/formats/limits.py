"""How large an image may be. Checked from its header, before a pixel is decoded."""

from schemas.model import Record
from streams.errors import InvalidImage

MEGAPIXEL = 1_000_000


class Limits(Record):
    """What a file may declare. The defaults let the largest single-beam stores through and stop bombs."""

    max_bytes: int = 4 * 1024**3
    max_pixels: int = 512 * MEGAPIXEL
    """Of one page."""
    max_pages: int = 4096
    max_ratio: int = 10_000
    """Bytes that the pixels would take over the bytes that are stored; deflate reaches 1032 at the most."""

    def check_file(self, size_bytes: int) -> None:
        """Refuse a file that is empty or too large; raises `InvalidImage`."""
        if size_bytes == 0:
            raise InvalidImage("the file is empty: copy it again from the instrument")
        if size_bytes > self.max_bytes:
            raise InvalidImage(f"the file has {size_bytes} bytes, more than max_bytes = {self.max_bytes}")

    def check_size(self, width: int, height: int) -> None:
        """Refuse a page that declares no pixels or too many; raises `InvalidImage`."""
        if width < 1 or height < 1:
            raise InvalidImage(f"the header declares {width} x {height} pixels: there is no image")
        if width * height > self.max_pixels:
            raise InvalidImage(
                f"the header declares {width} x {height} = {width * height / MEGAPIXEL:.0f} million pixels, "
                f"more than max_pixels = {self.max_pixels / MEGAPIXEL:.0f} million"
            )

    def check_ratio(self, declared_bytes: int, stored_bytes: int) -> None:
        """Refuse a page that declares far more than is stored; raises `InvalidImage`."""
        if declared_bytes > self.max_ratio * stored_bytes:
            raise InvalidImage(
                f"the header declares {declared_bytes} bytes of pixels and {stored_bytes} are stored: "
                f"a ratio beyond max_ratio = {self.max_ratio}, a bomb or a truncated file"
            )


DEFAULT_LIMITS = Limits()
