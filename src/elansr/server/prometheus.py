"""Metrics of a service for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from elansr.server.service import RequestRecord, Service

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)


class Metrics:
    """Counts of one service, in a registry of their own."""

    def __init__(self, service: Service) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._answers = Counter(
            "elansr_http_responses", "Answers of POST /v1/upscale, refusals included", ["status"], registry=registry
        )
        self._requests = Counter(
            "elansr_requests", "Requests of REST and page that were taken on, by how they ended", ["status"],
            registry=registry,
        )  # fmt: skip
        self._cancelled = Counter("elansr_cancelled", "Requests whose client went away", registry=registry)
        self._pixels = Counter("elansr_pixels", "Pixels of the pictures that were upscaled", registry=registry)
        self._seconds = Histogram(
            "elansr_request_seconds", "From when a request was taken on to its result", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        waiting = Gauge("elansr_queue_length", "Requests that wait for their turn", registry=registry)
        waiting.set_function(lambda: service.waiting)
        in_work = Gauge("elansr_in_work", "Requests in work", registry=registry)
        in_work.set_function(lambda: service.in_work)
        service.on_ended = self._ended

    def answered(self, status: int) -> None:
        """Counts an answer of `POST /v1/upscale`."""
        self._answers.labels(str(status)).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _ended(self, ended: RequestRecord) -> None:
        self._requests.labels(str(ended.status)).inc()
        if ended.status == 499:
            self._cancelled.inc()
        if ended.status == 200:
            self._pixels.inc(ended.pixels)
            self._seconds.observe(ended.seconds)
