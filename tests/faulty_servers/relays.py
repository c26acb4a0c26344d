"""
Faulty relays in front of our own mock, for faults that the test servers lack.

The test servers are wrong in all media types at once; a gateway with one parser for
forms and one for JSON can be wrong in one of them.
"""

from faulty_servers import (
    relays_contents,
    relays_edits,
    relays_generations,
    relays_models,
    relays_operations,
    relays_streams,
)
from faulty_servers.relay_faults import RelayFault

RELAY_FAULTS: dict[str, dict[str, RelayFault]] = {
    provider: {
        **relays_generations.FAULTS.get(provider, {}),
        **relays_streams.FAULTS.get(provider, {}),
        **relays_edits.FAULTS.get(provider, {}),
        **relays_models.FAULTS.get(provider, {}),
        **relays_contents.FAULTS.get(provider, {}),
        **relays_operations.FAULTS.get(provider, {}),
    }
    for provider in ("openai", "tokenhub", "aihubmix", "openrouter", "xai", "gemini")
}
"""The faults by provider and name."""
