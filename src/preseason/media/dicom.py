"""Pictures of medical devices: their pixels alone. Nothing that a file says of a patient is read."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.errors import MediaError
from preseason.errors.packages import MissingPackageError, require

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

PIXEL_TAGS = (
    "SOPClassUID",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "FloatPixelData",
    "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction",
    "WindowCenter", "WindowWidth", "PixelPaddingValue", "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
)  # fmt: skip
"""All that is read of a file."""


def missing() -> str | None:
    """Why pictures of this kind cannot be read here, in plain words; None where they can."""
    try:
        require("a DICOM picture", "pydicom")
    except MissingPackageError as error:
        return str(error)
    return None


def opened(data: bytes) -> "ImageFile":
    """The first frame as a picture of 8 bits: grey values through the window that the file names, else all.

    MONOCHROME1, in which large values are dark, is turned round (DICOM PS3.3, C.7.6.3.1.2 and C.11.2).

    Raises:
        MediaError: it holds no pixels, or none that can be unpacked here; the package is not installed.
    """
    why = missing()
    if why is not None:
        raise MediaError(why)
    from PIL import Image
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        found = dcmread(BytesIO(data), specific_tags=list(PIXEL_TAGS))
        pixels = _first_frame(found)
    except (InvalidDicomError, AttributeError, KeyError) as error:
        raise MediaError("a DICOM file without a picture") from error
    except (NotImplementedError, RuntimeError) as error:
        raise MediaError("a DICOM picture packed in a way that is not read here") from error
    picture: ImageFile = Image.fromarray(pixels)  # type: ignore[assignment]
    return picture


def _first_frame(found: Any) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """uint8 [h, w] or [h, w, 3]."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    frames = int(found.get("NumberOfFrames") or 1)
    values = pixel_array(found, index=0) if frames > 1 else pixel_array(found)
    kind = found.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        return _to_bytes(apply_color_lut(values, found))
    if values.ndim == 3:
        return _to_bytes(values, 2.0 ** int(found.BitsStored) - 1)
    grey = _through_window(values, found)
    return np.asarray(255 - grey if kind == "MONOCHROME1" else grey, np.uint8)


def _through_window(values: Any, found: Any) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Grey values through the first window or table of the file; without one, all that its bits can hold."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    shown = np.asarray(apply_modality_lut(values, found), np.float64)
    if found.get("VOILUTSequence"):
        bits = int(found.VOILUTSequence[0].LUTDescriptor[2])
        return _to_bytes(apply_voi(shown.astype(np.int64), found), 2.0**bits - 1)
    centre, width = (_first(found.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is not None and width is not None and width > 1:
        return _to_bytes((shown - (centre - 0.5)) / (width - 1) + 0.5, 1.0)
    signed = bool(found.PixelRepresentation)
    bits = int(found.BitsStored)
    ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
    low, high = sorted(float(end) for end in apply_modality_lut(ends, found))
    return _to_bytes(shown - low, high - low)


def _first(value: Any) -> float | None:
    """A number, or the first of several."""
    if value is None or value == "":
        return None
    return float(value[0]) if hasattr(value, "__len__") and not isinstance(value, str) else float(value)


def _to_bytes(values: Any, full: float | None = None) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    scaled = np.asarray(values, np.float64)
    most = float(scaled.max()) if full is None else full
    return np.rint(scaled * (255 / max(most, 1e-12))).clip(0, 255).astype(np.uint8)
