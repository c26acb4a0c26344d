"""The commands `campaign`, `campaign lane`, `campaign status` and `campaign cancel`."""
