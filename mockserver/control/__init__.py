"""
The control API under `/__mock__/`.

* `api`: the routes, and general information
* `description`: the OpenAPI document, from `openapi.yaml`
* `journal`: read, count, await and watch journal entries
* `behavior`: scripts and the clock
* `inspector`: the web page that shows requests, and its thumbnails
* `root_page`: the response to a browser at the root of the server
* `metrics`: the Prometheus metrics
* `access`: which requests may use the control API
* `http`: read requests and write responses
"""
