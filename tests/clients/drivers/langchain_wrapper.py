"""LangChain's wrapper of the image endpoint, from outside our own environment."""

from driving import Order, downloaded, drive
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper


def run(order: Order):
    wrapper = DallEAPIWrapper(
        base_url=order["base_url"], api_key=order["api_key"], **order.get("params", {})
    )
    urls = wrapper.run(order["prompt"]).split(wrapper.separator)
    return {"urls": urls, "images": [downloaded(each) for each in urls]}


if __name__ == "__main__":
    drive(run=run)
