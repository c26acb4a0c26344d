"""Faults of a TikHub server, besides the common ones."""

from faulty_servers import tikhub
from faulty_servers.defects import (
    COMMON,
    Defect,
    changed,
    crashing,
    forget,
    having,
    ignoring,
    in_error,
    in_items,
    inverted,
    not_requiring,
    refusing,
    same_for_every_prompt,
    taking,
    url_kept_nowhere,
    url_of_a_page,
    with_rule,
    without,
    without_rule,
)
from faulty_servers.minimal import integer, one_of, opened, text

GENERATION: dict[str, Defect] = {
    # accepts what is invalid
    "any-model": taking("model", text()),
    "model-not-needed": not_requiring("model"),
    "format-of-any-name": taking("output_format", text()),
    "response-format-of-any-name": taking("response_format", text()),
    "background-of-any-name": taking("background", text()),
    "compression-as-text": taking("output_compression"),
    "user-of-any-type": taking("user"),
    # rejects what is valid
    "vip-refused": taking("model", one_of("gpt-image-2")),
    "sample-size-refused": refusing(
        lambda asked: asked.get("size") == "256x256", "size"
    ),
    "sample-style-refused": refusing(lambda asked: asked.get("style"), "style"),
    "compression-of-zero-refused": taking("output_compression", integer(1, 100)),
    "webp-refused": taking("output_format", one_of("png", "jpeg")),
    "url-refused": taking("response_format", one_of("b64_json")),
    "user-refused": refusing(lambda asked: asked.get("user") is not None, "user"),
    # wrong responses
    "response-format-ignored": ignoring("response_format"),
    "format-ignored": ignoring("output_format"),
    "compression-ignored": ignoring("output_compression"),
    "background-ignored": ignoring("background"),
    "url-kept-nowhere": url_kept_nowhere,
    "url-of-a-page": url_of_a_page,
    "url-beside-base64": changed(
        "item",
        lambda item, *_: (
            item | ({"url": "https://a.example"} if item["b64_json"] else {})
        ),
    ),
    "url-as-null": in_items(lambda item: item | {"url": item["url"] or None}),
    "nothing-but-words": in_items(lambda item: item | {"url": "", "b64_json": ""}),
    "revised-prompt-as-list": in_items(
        lambda item: item | {"revised_prompt": [item["revised_prompt"]]}
    ),
    "created-forgotten": changed("body", lambda body, *_: without("created")(body)),
    "answer-in-data": changed("body", lambda body, *_: {"code": 200, "data": body}),
    # wrong errors
    "error-as-text": in_error(lambda error: error["message"]),
    "param-misnamed": in_error(
        lambda error: error | {"param": "size" if error["param"] != "size" else "n"}
    ),
}

EDIT: dict[str, Defect] = {
    "no-key-needed": having("authenticate", lambda header: header or "nobody"),
    "prompt-not-needed": not_requiring("prompt"),
    "any-model": taking("model", text()),
    "n-of-zero": taking("n", integer(0, 10)),
    "mask-of-any-kind": without_rule("mask_fits"),
    "mask-as-jpeg": with_rule(
        "mask_fits",
        lambda asked: (
            None
            if asked.mask and opened(asked.mask, "mask").format == "JPEG"
            else tikhub.mask_fits(asked)
        ),
    ),
    "several-images-for-all": without_rule("several_images_are_of_vip"),
    "several-images-refused": refusing(lambda asked: len(asked.images) > 1, "image"),
    "two-refused": refusing(lambda asked: asked.get("n") == 2, "n"),
    "mask-refused": refusing(lambda asked: asked.mask is not None, "mask"),
    "mask-ignored": forget("mask", lambda asked: None),
    "mask-inverted": changed("judge", lambda _, asked: inverted(asked)),
    "second-image-ignored": forget("images", lambda asked: asked.images[:1]),
    "n-ignored": ignoring("n"),
    "size-ignored": ignoring("size"),
    "format-ignored": ignoring("output_format"),
    "same-for-every-prompt": same_for_every_prompt,
    "created-as-text": changed("created", str),
    "error-as-page": having("error_type", "text/html"),
    "crash-on-mask": crashing(lambda asked: asked.mask is not None),
    "crash-without-image": crashing(lambda asked: not asked.images),
}

DEFECTS: dict[str, Defect] = {
    **{f"createImage/{name}": defect for name, defect in COMMON.items()},
    **{f"createImage/{name}": defect for name, defect in GENERATION.items()},
    **{f"createImageEdit/{name}": defect for name, defect in EDIT.items()},
}
