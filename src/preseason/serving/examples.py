"""Examples for the OpenAPI document: what to send, and what comes back."""

from typing import Any

_ERROR = {"error": {"message": "There is no model 'player' here. Did you mean 'players'? There are: players.",
                    "type": "invalid_request_error", "param": None, "code": "not_found"}}  # fmt: skip


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, all of one shape."""
    words = {
        400: "The body is broken", 401: "The key is missing or wrong", 403: "Not allowed",
        404: "There is no such thing", 408: "The request came too slowly", 409: "Not now",
        413: "Too large, too many or too long", 415: "Of a kind that is not read", 422: "Cannot be used",
        429: "Too many wait", 503: "Not available", 504: "Not answered in time",
    }  # fmt: skip
    return {
        status: {"description": words[status], "content": {"application/json": {"example": _ERROR}}}
        for status in statuses
    }


def later(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals, and the answer while work goes on."""
    example = {"id": "6f1c...", "status": "running", "share": 0.42}
    told = {"description": "Not yet: ask again", "content": {"application/json": {"example": example}}}
    return {202: told, **refusals(*statuses)}


PREDICT = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "model": {"type": "string", "description": "needed where there are several"},
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "text": {"type": "array", "items": {"type": "string"}},
                        "explain": {"type": "boolean", "default": False},
                    },
                },
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "model": {"type": "string"},
                        "inputs": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "text": {"type": "string"},
                                    "data": {"type": "string", "format": "byte"},
                                    "name": {"type": "string"},
                                },
                            },
                        },
                        "texts": {"type": "array", "items": {"type": "string"}},
                        "explain": {"type": "boolean", "default": False},
                    },
                },
                "examples": {
                    "texts": {"value": {"model": "mood", "texts": ["What a goal!", "Awful referee"]}},
                    "photo": {
                        "value": {
                            "model": "players",
                            "inputs": [{"name": "1.jpg", "data": "/9j/4AAQ..."}],
                        }
                    },
                },
            },
        },
    },
}
PREDICTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "BatchPredictions in the order of the examples",
        "content": {
            "application/json": {
                "example": {
                    "model": "players",
                    "predictions": [
                        {
                            "input": "1.jpg",
                            "label": "messi",
                            "probability": 0.93,
                            "unknown": False,
                            "probabilities": {"messi": 0.93, "salah": 0.07},
                            "index": 0,
                        }
                    ],
                    "skipped": [{"path": "2.jpg", "reason": "0 bytes: the file is empty", "index": 1}],
                }
            }
        },
    },
    **refusals(400, 401, 404, 408, 413, 415, 422, 429, 503, 504),
}


LABELLED = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "model": {"type": "string", "description": "needed where there are several"},
                        "label": {"type": "string", "example": "kane"},
                        "boxes": {
                            "type": "string",
                            "description": "of a model of boxes in place of label: a JSON list",
                            "example": '[{"label": "ball", "x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4}]',
                        },
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "text": {"type": "array", "items": {"type": "string"}},
                    },
                },
            },
        },
    }
}
MATCH = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        },
    }
}
