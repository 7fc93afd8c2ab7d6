"""DRUNet: the network of plug-and-play image restoration, at half its published width."""

from stages.denoise.unet import ResidualUNet


class DRUNet(ResidualUNet):
    """The network for a GPU: 8.2 million parameters at the default widths, 32.6 million at 64-128-256-512.

    Zhang et al. 2021, "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI 44:6360, fig. 2 and
    section 3.1: four scales, four residual blocks a scale, no bias; here with three maps of the noise instead of one.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256), blocks: int = 4) -> None:
        super().__init__(widths, blocks)
