"""The page in an exported network's folder: what it is, how it is loaded, what stayed behind."""

from preseason.models.classifier import Model

PAGE = """# {name}, adapted by preseason

The network {name} (licence: {licence}), {how}, for {to}. Task: {task}.

- `config.json`, `model.safetensors`: architecture, preprocessing and weights
- `exported.json`: labels, and the comparison with the model

```python
{code}
```

{rest}
"""
OPEN_PHOTO = 'photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")'
TIMM = f"""import timm
import torch
from PIL import Image, ImageOps

network = timm.create_model("local-dir:.", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
{OPEN_PHOTO}
with torch.inference_mode():
    said = network(transform(photo)[None])[0]"""
TRANSFORMERS = f"""import torch
from PIL import Image, ImageOps
from transformers import AutoImageProcessor, {{kind}}

network = {{kind}}.from_pretrained(".").eval()
processor = AutoImageProcessor.from_pretrained(".")
{OPEN_PHOTO}
with torch.inference_mode():
    said = network(**processor(photo)).{{field}}[0]"""
TEXTS = """import torch
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
network = AutoModel.from_pretrained(".").eval()
with torch.inference_mode():
    said = network(**tokenizer("What a goal!", return_tensors="pt")).last_hidden_state[0]"""
OTHER = """from transformers import AutoModel

network = AutoModel.from_pretrained(".").eval()"""
NAMED = """
labels = {labels!r}
print(labels[int(said.argmax())], float(said.softmax(0).max()))"""


def readme(model: "Model", to: str, labels: tuple[str, ...], left: tuple[str, ...]) -> str:
    """The page as Markdown; its code is run in the folder."""
    backbone = model.extractors.backbone
    how = "fine-tuned, with a classifier" if labels else "without a classifier: it outputs vectors"
    rest = "`predict` and this network agree, except on unknown inputs, which only preseason detects."
    if left:
        rest = "Its answers differ from the model's. Not included: " + "; ".join(left) + "."
    return PAGE.format(
        name=backbone.name,
        licence=backbone.licence,
        how=how,
        to=to,
        task=model.task,
        code=_code(model, to, labels),
        rest=rest,
    )


def _code(model: "Model", to: str, labels: tuple[str, ...]) -> str:
    backbone = model.extractors.backbone
    library = backbone.loaded().library
    if library != "timm":
        return TEXTS if library == "transformers_texts" else OTHER
    named = NAMED.format(labels=list(labels)) if labels else ""
    if to == "timm":
        return TIMM + named
    kind = "AutoModelForImageClassification" if labels else "AutoModel"
    return TRANSFORMERS.format(kind=kind, field="logits" if labels else "pooler_output") + named
