"""Pictures as another camera, another light or another hall would show them."""

import hashlib

import numpy as np
from numpy.typing import NDArray

GAMMA, CONTRAST, SATURATION = 0.3, 0.25, 0.5
"""The most that each changes: gamma and contrast as natural logarithms, saturation as a share."""
CAST = 0.08
"""Standard deviation of the logarithm of each colour's gain."""
BLURRED, BLUR = 0.3, 1.2
"""Share of pictures that are blurred, and the largest radius in pixels."""
GREY = np.array([0.299, 0.587, 0.114], np.float32)


def recoloured(picture: NDArray[np.uint8], seed: str) -> NDArray[np.uint8]:
    """A picture uint8 [h, w, 3] in another light, the same for the same seed.

    Gamma, contrast, saturation and a colour cast are drawn, and some pictures are blurred.
    """
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest()))
    pixels = (picture.astype(np.float32) / 255) ** np.exp(rng.uniform(-GAMMA, GAMMA))
    middle = float(pixels.mean())
    pixels = middle + (pixels - middle) * np.exp(rng.uniform(-CONTRAST, CONTRAST))
    grey = (pixels @ GREY)[..., None]
    pixels = grey + (pixels - grey) * (1 + rng.uniform(-SATURATION, SATURATION))
    pixels = pixels * np.exp(rng.normal(0, CAST, 3).astype(np.float32))
    out: NDArray[np.uint8] = (255 * pixels).clip(0, 255).astype(np.uint8)
    if rng.random() >= BLURRED:
        return out
    soft = Image.fromarray(out).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, BLUR)))
    return np.asarray(soft, np.uint8)
