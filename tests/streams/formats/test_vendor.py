import pytest

from streams.formats.reading import describe
from tests.hostile.blocks import scene, tiff


@pytest.mark.parametrize(
    ("code", "text", "expected_nm"),
    [
        (34682, "[EScan]\r\nPixelWidth=2.60417e-007\r\n", 260.417),
        (
            34118,
            "AP_PIXEL_SIZE\r\nPixel Size = 24.65 nm\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 12.33 nm\r\n",
            12.33,
        ),
        (34118, "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 1.5 µm\r\n", 1500),
        (34118, "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 680 pm\r\n", 0.68),
        (50431, "Sign=\nPixelSizeX=0.000000146484375\n", 146.484375),
        (51023, "<Fibics><Scan><Ux>0.0447154</Ux></Scan></Fibics>", 44.7154),
        (34683, '<FeiImage><pixelWidth unit="um">0.2</pixelWidth></FeiImage>', 200),
        (270, '{"image": {"pixel_size": {"x": 9.765625e-08, "y": 1}}}', 97.65625),
    ],
)
def test_each_maker_states_the_pixel_size_in_its_own_way(code: int, text: str, expected_nm: float) -> None:
    data = tiff(scene(), extratags=[(code, "s", 0, text.encode("latin-1"), True)])
    assert describe(data).pages[0].pixel_size_nm == pytest.approx(expected_nm)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (34682, "[Scan]\r\nPixelWidth=0\r\n"),
        (34682, "[Scan]\r\nPixelWidth=nan\r\n"),
        (34682, "[Scan]\r\nPixelWidth=-1e-9\r\n"),
        (34682, "[Scan]\r\nPixelWidth=1e300\r\n"),
        (34682, "[Scan]\r\nPixelWidth=1.2.3\r\n"),
        (34118, "AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 3 furlongs\r\n"),
        (34118, "AP_PIXEL_SIZE\r\nPixel Size = 24.65 nm\r\n"),
    ],
)
def test_nonsense_is_no_pixel_size(code: int, text: str) -> None:
    data = tiff(scene(), extratags=[(code, "s", 0, text.encode("latin-1"), True)])
    assert describe(data).pages[0].pixel_size_nm is None
