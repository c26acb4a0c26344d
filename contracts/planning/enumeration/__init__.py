"""
Cases that a document determines completely, without a random generator of requests.

`probes` change one field or two, `pairwise` combines valid values of all fields, and
`protocol` covers keys, methods, paths and bodies that cannot be parsed.
"""
