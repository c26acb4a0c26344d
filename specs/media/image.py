"""What identifies the operations of the image medium in a document."""

OPERATIONS = ("createImage", "createImageEdit")
