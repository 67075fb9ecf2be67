"""`elansr serve`: a REST API and a web page.

rest.py             the routes
proxy.py            served below a path, and to scripts of other websites
security.py         API keys, and whether there is room, before anything is read
uploads.py          the body of a request
limits.py           what is taken on, and the answers that refuse the rest
service.py          requests that wait or are in work
processing.py       one request: bytes in, bytes out
tile_queue.py       one network thread, in which the tiles of several requests take turns
offered_models.py   the weights that clients may name
throughput.py       how long work will take
prometheus.py       metrics
openapi.py          the description of the API; docs_page.py: the page that shows it
http_server.py      port, start and shutdown
page/               the web page
"""
