"""Are the facts that claims rely on still on the pages that they were read from?"""
