"""Words and fonts of many scripts. The fonts are Debian's, all under open licences."""

from dataclasses import dataclass

import numpy as np

PACKAGES = (
    "fonts-comic-neue",
    "fonts-dejavu-core",
    "fonts-dejavu-extra",
    "fonts-ebgaramond",
    "fonts-firacode",
    "fonts-lato",
    "fonts-liberation",
    "fonts-noto-cjk",
    "fonts-noto-core",
)
"""Debian's, that the fonts below are in."""
SANS = ("DejaVu Sans", "Liberation Sans", "Lato", "Noto Sans", "Noto Sans CJK JP")
MONO = ("DejaVu Sans Mono", "Liberation Mono", "Fira Code")


@dataclass(frozen=True)
class Script:
    """A script: how often it is drawn, its fonts, what its lines are made of, and the mean width of a letter in em."""

    name: str
    share: float
    fonts: tuple[str, ...]
    words: str
    width: float = 0.5
    between: str = " "
    right_to_left: bool = False

    def style(self, random: np.random.Generator) -> str:
        """SVG attributes: a font, its weight and slant."""
        font = self.fonts[int(random.integers(len(self.fonts)))]
        weight = (300, 400, 400, 400, 600, 700, 900)[int(random.integers(7))]
        slant = "italic" if random.random() < 0.2 and self.width <= 0.5 else "normal"
        return f'font-family="{font}" font-weight="{weight}" font-style="{slant}"'

    def line(self, random: np.random.Generator, width: float) -> str:
        """Words that fill about so many em, at least one."""
        words: list[str] = []
        options = self.words.split() if self.between else self.words
        room = width / self.width
        while room > 0 or not words:
            word = options[int(random.integers(len(options)))]
            if self.between and random.random() < 0.04:
                word = str(int(random.integers(1, 3000)))
            if not words or words[-1].endswith("."):
                word = word[0].upper() + word[1:]
            if random.random() < 0.12:
                word += "." if self.between and random.random() < 0.5 else ("," if self.between else "、")
            room -= len(word) + len(self.between)
            if room < 0 and words:
                break
            words.append(word)
        line = self.between.join(words)
        return f"\u200f{line}\u200f" if self.right_to_left else line  # marks, so that commas stand on the left


_WIDE = (
    "DejaVu Sans",
    "DejaVu Serif",
    "Liberation Sans",
    "Liberation Serif",
    "Liberation Mono",
    "Noto Sans",
    "Noto Serif",
)
LATIN = Script(
    "latin",
    0.35,
    (*_WIDE, "Lato", "EB Garamond", "Comic Neue", "Fira Code", "Liberation Sans Narrow"),
    "the of and to in is that light picture water stone every morning quick brown fox jumps over lazy dog station "
    "bridge garden window letter river market evening paper method figure table result of a an we network image "
    "size pixel edge für über Straße schön Größe Äpfel garçon été où forêt naïve señor mañana año niño corazón ação "
    "não São żółć łódź příliš žluťoučký kůň ångström øre blå İstanbul çiğ ağaç phở Việt illness minimum lily WAVE "
    'AVATAR quartz jazz office fluffy affine e.g. (see) [12] "quoted" half-way 50% A4 x2 @home #tag it\'s fig. & ?! '
    "3.14 10:45",
)
CYRILLIC = Script(
    "cyrillic",
    0.1,
    _WIDE,
    "и в не на что свет вода камень утро город улица книга письмо река рынок вечер бумага рисунок таблица съешь ещё "
    "этих мягких французских булок жёлтый щука объём подъезд юность эхо цапля фонарь ґанок їжак єдність љубав њива "
    "ђак",
    0.56,
)
GREEK = Script(
    "greek",
    0.07,
    _WIDE,
    "και το φως νερό πέτρα πρωί πόλη δρόμος βιβλίο γράμμα ποτάμι αγορά βράδυ χαρτί εικόνα πίνακας μέγεθος ψυχή ξύλο "
    "θάλασσα ζωή άνθρωπος ώρα ήλιος ύπνος όνειρο ΑΒΓΔ Ωμέγα λόγος σύστημα",
    0.54,
)
ARABIC = Script(
    "arabic",
    0.09,
    ("Noto Sans Arabic", "Noto Naskh Arabic", "Noto Kufi Arabic", "DejaVu Sans"),
    "في من على النور الماء حجر صباح مدينة شارع كتاب رسالة نهر سوق مساء ورق صورة جدول حجم السلام عليكم بحر حياة إنسان "
    "ساعة شمس حلم نظام لغة ضوء قلب ظل غيمة ثلج ذهب",
    0.45,
    right_to_left=True,
)
HEBREW = Script(
    "hebrew",
    0.05,
    ("Noto Sans Hebrew", "Noto Serif Hebrew", "DejaVu Sans"),
    "של את אור מים אבן בוקר עיר רחוב ספר מכתב נהר שוק ערב נייר תמונה טבלה גודל שלום ים חיים אדם שעה שמש חלום לשון "
    "צל ענן שלג זהב קפה",
    0.52,
    right_to_left=True,
)
DEVANAGARI = Script(
    "devanagari",
    0.08,
    ("Noto Sans Devanagari", "Noto Serif Devanagari"),
    "और है का में प्रकाश पानी पत्थर सुबह नगर सड़क पुस्तक पत्र नदी बाज़ार शाम काग़ज़ चित्र सारणी आकार नमस्ते समुद्र "
    "जीवन मनुष्य घंटा सूर्य स्वप्न भाषा हृदय छाया बादल बर्फ़ सोना ज्ञान विश्व श्री",
    0.5,
)
THAI = Script(
    "thai",
    0.07,
    ("Noto Sans Thai", "Noto Serif Thai", "Noto Looped Thai"),
    "และ ที่ แสง น้ำ หิน เช้า เมือง ถนน หนังสือ จดหมาย แม่น้ำ ตลาด เย็น กระดาษ ภาพ ตาราง ขนาด สวัสดี ทะเล ชีวิต "
    "มนุษย์ ชั่วโมง ดวงอาทิตย์ ความฝัน ภาษา หัวใจ เงา เมฆ หิมะ ทอง",
    0.45,
)
CHINESE = Script(
    "chinese",
    0.08,
    ("Noto Sans CJK SC", "Noto Serif CJK SC", "Noto Sans CJK TC"),
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而"
    "能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与"
    "高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次"
    "东政海口使教西再平真听世气信北少关並內完議論語體鷹龍鬱麗灣黨",
    1.0,
    "",
)
JAPANESE = Script(
    "japanese",
    0.08,
    ("Noto Sans CJK JP", "Noto Serif CJK JP"),
    "あいうえおかきくけこがぎぐげごさしすせそざじずただちつてとでどなにぬねのはひふへほばびぶべぼまみむめもやゆよら"
    "りるれろわをんっゃゅょアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワ"
    "ンッャュョー画像解像度光水石朝町道本手紙川市場夕方表大小見出超縦横験駅曜議論読書館漫画鬱薔薇",
    1.0,
    "",
)
KOREAN = Script(
    "korean",
    0.05,
    ("Noto Sans CJK KR", "Noto Serif CJK KR"),
    "그리고 빛 물 돌 아침 도시 거리 책 편지 강 시장 저녁 종이 그림 표 크기 안녕하세요 바다 삶 사람 시간 해 꿈 말 "
    "마음 그늘 구름 눈 금 한글 닭 값 뷁 훑다 괜찮아 왜 의사",
    0.85,
)
SCRIPTS = (LATIN, CYRILLIC, GREEK, ARABIC, HEBREW, DEVANAGARI, THAI, CHINESE, JAPANESE, KOREAN)
CODE = [
    "def",
    "class",
    "return",
    "if",
    "else",
    "for",
    "in",
    "while",
    "import",
    "from",
    "None",
    "True",
    "self",
    "x",
    "y",
    "i",
    "n",
    "=",
    "==",
    "!=",
    "<=",
    "->",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ";",
    "'text'",
    '"name"',
    "0",
    "1",
    "42",
    "3.14",
    "#",
    "//",
    "size",
    "width",
    "image.shape",
    "len(x)",
    "range(n)",
    "print(result)",
    "const",
    "let",
    "=>",
    "&&",
    "||",
    "await",
    "fn",
    "&mut",
    "#include",
    "<vector>",
    "std::string",
    "int64_t",
    "float*",
    "value_",
    "MAX_SIZE",
    "@property",
    "lambda",
    "yield",
]
"""Tokens of no language in particular."""
