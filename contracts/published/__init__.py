"""Published results: submissions below `site/results`, their page and their feed."""
