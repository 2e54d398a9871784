"""How far answers are from their targets."""

import torch
from torch import Tensor
from torch.nn import functional

BOX_WEIGHT, QUALITY_WEIGHT = 2.0, 0.5


def loss(answers: Tensor, heat: Tensor, edges: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    """The loss of a batch, for each labelled box.

    Scores: the focal loss of CornerNet (Law and Deng 2018, arXiv 1808.01244), alpha 2, beta 4. Boxes:
    generalised IoU (Rezatofighi et al. 2019, arXiv 1902.09630) on the cells that answer for a box; the
    quality is to be the IoU reached there (Wu et al. 2019, arXiv 1912.05992).

    Args:
        answers: float [n, c + 5, h, w].
        heat, edges, weight: as of `Targets`, stacked.
        counts: float [n], boxes in each crop.
    """
    classes = heat.shape[1]
    boxes = counts.sum().clamp(min=1)
    scores = _focal(answers[:, :classes], heat) / boxes
    chosen = weight > 0
    if not bool(chosen.any()):
        return scores
    found = answers[:, classes : classes + 4].movedim(1, -1)[chosen].clamp(max=6).exp()
    iou, generalised = overlaps(found, edges.movedim(1, -1)[chosen])
    weights = weight[chosen]
    drawn = (weights * (1 - generalised)).sum() / boxes
    quality = answers[:, classes + 4][chosen]
    judged = functional.binary_cross_entropy_with_logits(quality, iou.detach(), reduction="none")
    return scores + BOX_WEIGHT * drawn + QUALITY_WEIGHT * (weights * judged).sum() / boxes


def _focal(logits: Tensor, heat: Tensor) -> Tensor:
    there = (heat > 0.999).float()
    score = logits.sigmoid()
    gain = (1 - score) ** 2 * functional.logsigmoid(logits) * there
    harm = score**2 * functional.logsigmoid(-logits) * (1 - heat) ** 4 * (1 - there)
    return -(gain + harm).sum()


def overlaps(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes given by distances [m, 4] from one point."""
    areas = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (one, other)]
    least, most = torch.minimum(one, other), torch.maximum(one, other)
    both = (least[:, 0] + least[:, 2]).clamp(min=0) * (least[:, 1] + least[:, 3]).clamp(min=0)
    hull = (most[:, 0] + most[:, 2]) * (most[:, 1] + most[:, 3])
    union = areas[0] + areas[1] - both
    iou = both / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)
