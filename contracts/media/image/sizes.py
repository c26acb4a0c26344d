"""The guarantees about width and height, each with the check of one response."""

from contracts.media.description import describe_output
from contracts.media.guarantee import Breach, Breaches, JudgedResponse
from contracts.media.image.ratios import has_ratio, substituted_ratio
from specs import ratio_text, requested_ratio, requested_size


def size_as_asked(response: JudgedResponse) -> Breaches:
    size = requested_size(response.request)
    if size is None:
        return
    wanted = f"{size[0]}x{size[1]}"
    for at, image in enumerate(response.decoded):
        if image.size != wanted:
            message = f"image {at} is {describe_output(image)}; requested: {wanted}"
            if not has_ratio(image, size[0] / size[1]):
                message += f": {substituted_ratio(image, ratio_text(*size))}"
            yield Breach(message, "size", wanted, image.size)


def ratio_as_asked(response: JudgedResponse) -> Breaches:
    wanted = requested_ratio(response.request)
    if wanted is None or requested_size(response.request) is not None:
        return
    name = "aspect_ratio" if "aspect_ratio" in response.request else "size"
    asked = str(response.request[name])
    for at, image in enumerate(response.decoded):
        if not has_ratio(image, wanted):
            message = f"image {at} is {describe_output(image)}; requested: {asked}"
            message += f": {substituted_ratio(image, asked)}"
            yield Breach(message, name, asked, image.size)


def size_as_listed(response: JudgedResponse) -> Breaches:
    """Require the size that the document lists for the resolution and the ratio."""
    size = response.dialect.image.listed_size(response.request)
    if size is None:
        return
    wanted = f"{size[0]}x{size[1]}"
    names = ("resolution", "aspect_ratio")
    asked = [str(response.request[each]) for each in names if each in response.request]
    for at, image in enumerate(response.decoded):
        if image.size != wanted:
            listed = f"listed for {' and '.join(asked) or 'the default'}: {wanted}"
            message = f"image {at} is {describe_output(image)}; {listed}"
            yield Breach(message, "resolution", wanted, image.size)
