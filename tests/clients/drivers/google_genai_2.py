"""google-genai in its second major version."""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.prefix) / "older"))
importlib.import_module("google_genai")  # it drives the first release on the path
