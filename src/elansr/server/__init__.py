"""`elansr serve`: a REST API and a web page.

rest.py             the routes
proxy.py            reverse proxies, and requests from other websites (CORS)
security.py         API keys and capacity, checked before the body is read
uploads.py          the body of a request
limits.py           limits and errors
service.py          the queue of requests
processing.py       one request: bytes in, bytes out
tile_queue.py       one network thread for the tiles of all requests
offered_models.py   the available weights
throughput.py       estimates of processing times
prometheus.py       metrics
openapi.py          the description of the API; docs_page.py: the page that shows it
http_server.py      port, start and shutdown
page/               the web page
"""
