"""Published PSNR-Y and SSIM-Y on the usual sets, to print beside ours.

Sources: ELAN and ELAN-light arXiv 2203.06697, SwinIR-light arXiv 2108.10257, IMDN arXiv 1909.11856.

The rows of bicubic are from no paper. They are what bicubic upscaling must score under the protocol `paper`, and so
check the pictures and the program; the rows that papers print come from an older pipeline.
"""

from dataclasses import dataclass

SETS = ("Set5", "Set14", "B100", "Urban100", "Manga109")
PICTURES = {"Set5": 5, "Set14": 14, "B100": 100, "Urban100": 100, "Manga109": 109}
"""How many pictures the sets have in the papers."""
ALIASES = {"bsd100": "B100", "bsds100": "B100"}
AUTHORS = ("ELAN-light", "ELAN")
"""The networks of the authors whose script the protocol "authors" follows."""


@dataclass(frozen=True)
class PublishedScore:
    """One network's result on one set.

    Attributes:
        source: "paper", or "expected" for what our own protocol must give.
        set_name: one of `SETS`.
        psnr: PSNR-Y in dB, with `decimals` decimals.
        ssim: SSIM-Y, with four.
        decimals: of `psnr`.
    """

    source: str
    network: str
    scale: int
    set_name: str
    psnr: float
    ssim: float
    decimals: int = 2

    def beside(self, psnr: float, pictures: int) -> str:
        """How a score of so many pictures compares: "difference -0.86", or "not comparable: Set5 has 5 pictures"."""
        if pictures != PICTURES[self.set_name]:
            return f"not comparable: {self.set_name} has {PICTURES[self.set_name]} pictures"
        difference = round(psnr - self.psnr, self.decimals) + 0.0  # never -0.00
        return f"difference {difference:+.{self.decimals}f}"


def published(network: str, scale: int, set_name: str, protocol: str = "paper") -> PublishedScore | None:
    """The published result of a network on a set, whose name counts in upper or lower case; None if there is none.

    Args:
        protocol: of the scores that it stands beside; only the authors' own results are of the protocol "authors".
    """
    if protocol == "authors" and network not in AUTHORS:
        return None
    known = known_set(set_name)
    return next((row for row in ROWS if (row.network, row.scale, row.set_name) == (network, scale, known)), None)


def known_set(set_name: str) -> str | None:
    """What the tables call a set: "B100" for "bsd100"; None for a set of no table."""
    by_lower = {name.lower(): name for name in SETS} | ALIASES
    return by_lower.get(set_name.lower())


def _rows(network: str, scale: int, *results: tuple[float, float]) -> list[PublishedScore]:
    """The rows of one line of a table, a (PSNR, SSIM) for each of the first of `SETS`."""
    source, decimals = ("expected", 3) if network == "bicubic" else ("paper", 2)
    return [
        PublishedScore(source, network, scale, set_name, psnr, ssim, decimals)
        for set_name, (psnr, ssim) in zip(SETS, results, strict=False)
    ]


ROWS: tuple[PublishedScore, ...] = (
    *_rows("ELAN-light", 2, (38.17, 0.9611), (33.94, 0.9207), (32.30, 0.9012), (32.76, 0.9340), (39.11, 0.9782)),
    *_rows("ELAN-light", 3, (34.61, 0.9288), (30.55, 0.8463), (29.21, 0.8081), (28.69, 0.8624), (34.00, 0.9478)),
    *_rows("ELAN-light", 4, (32.43, 0.8975), (28.78, 0.7858), (27.69, 0.7406), (26.54, 0.7982), (30.92, 0.9150)),
    *_rows("ELAN", 2, (38.36, 0.9620), (34.20, 0.9228), (32.45, 0.9030), (33.44, 0.9391), (39.62, 0.9793)),
    *_rows("ELAN", 3, (34.90, 0.9313), (30.80, 0.8504), (29.38, 0.8124), (29.32, 0.8745), (34.73, 0.9517)),
    *_rows("ELAN", 4, (32.75, 0.9022), (28.96, 0.7914), (27.83, 0.7459), (27.13, 0.8167), (31.68, 0.9226)),
    *_rows("SwinIR-light", 2, (38.14, 0.9611), (33.86, 0.9206), (32.31, 0.9012), (32.76, 0.9340), (39.12, 0.9783)),
    *_rows("SwinIR-light", 3, (34.62, 0.9289), (30.54, 0.8463), (29.20, 0.8082), (28.66, 0.8624), (33.98, 0.9478)),
    *_rows("SwinIR-light", 4, (32.44, 0.8976), (28.77, 0.7858), (27.69, 0.7406), (26.47, 0.7980), (30.92, 0.9151)),
    *_rows("IMDN", 2, (38.00, 0.9605), (33.63, 0.9177), (32.19, 0.8996), (32.17, 0.9283), (38.88, 0.9774)),
    *_rows("IMDN", 3, (34.36, 0.9270), (30.32, 0.8417), (29.09, 0.8046), (28.17, 0.8519), (33.61, 0.9445)),
    *_rows("IMDN", 4, (32.21, 0.8948), (28.58, 0.7811), (27.56, 0.7353), (26.04, 0.7838), (30.45, 0.9075)),
    *_rows("bicubic", 2, (33.673, 0.9303), (30.325, 0.8699), (29.560, 0.8434)),
    *_rows("bicubic", 3, (30.403, 0.8689), (27.631, 0.7759), (27.209, 0.7391)),
    *_rows("bicubic", 4, (28.429, 0.8111), (26.088, 0.7048), (25.961, 0.6681)),
)
