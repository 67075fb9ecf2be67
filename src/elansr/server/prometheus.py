"""Metrics of a service for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from elansr.server.service import RequestRecord, Service

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)


class Metrics:
    """The metrics of one service, in a separate registry."""

    def __init__(self, service: Service) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._answers = Counter(
            "elansr_http_responses", "Responses of POST /v1/upscale, errors included", ["status"], registry=registry
        )
        self._requests = Counter(
            "elansr_requests", "Accepted requests of REST and page, by status", ["status"],
            registry=registry,
        )  # fmt: skip
        self._cancelled = Counter("elansr_cancelled", "Requests whose client disconnected", registry=registry)
        self._pixels = Counter("elansr_pixels", "Pixels of the upscaled pictures", registry=registry)
        self._seconds = Histogram(
            "elansr_request_seconds", "Time from accepting a request to its result", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        waiting = Gauge("elansr_queue_length", "Waiting requests", registry=registry)
        waiting.set_function(lambda: service.waiting)
        in_work = Gauge("elansr_in_work", "Requests being processed", registry=registry)
        in_work.set_function(lambda: service.in_work)
        service.on_ended = self._ended

    def answered(self, status: int) -> None:
        """Counts a response of `POST /v1/upscale`."""
        self._answers.labels(str(status)).inc()

    def text(self) -> bytes:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _ended(self, ended: RequestRecord) -> None:
        self._requests.labels(str(ended.status)).inc()
        if ended.status == 499:
            self._cancelled.inc()
        if ended.status == 200:
            self._pixels.inc(ended.pixels)
            self._seconds.observe(ended.seconds)
