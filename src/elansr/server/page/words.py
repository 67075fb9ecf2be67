# ruff: noqa: RUF001 - Chinese has commas of its own
"""The page's two languages: English, as it stands in the code, and simplified Chinese.

A browser says in `Accept-Language` what its user reads. What the server writes is translated here; labels of Gradio's
parts are translated in the browser, from the same table (see `layout.Labels`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from elansr.errors import ElansrError
from elansr.server.limits import Rejected


class PageError(ElansrError):
    """What the page itself refuses: a text of the table, and values for its places."""

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text.format(**values))
        self.text, self.values = text, values


@dataclass(frozen=True)
class Words:
    """A language.

    Attributes:
        lang: its tag in HTML.
        texts: by the English text; what is missing stays English.
        errors: by the codes of refusals; "" and missing ones stay English.
    """

    lang: str = "en"
    texts: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language, with values in the places of {names}."""
        return self.texts.get(text, text).format(**values)

    def of_error(self, error: Exception) -> str:
        """What went wrong, in this language where the kind of the error is known."""
        if isinstance(error, PageError):
            return self(error.text, **error.values)
        return self.errors.get(error.code, str(error)) if isinstance(error, Rejected) else str(error)


_TEXTS = {
    # layout.py
    "elansr: enlarge pictures": "elansr：放大图片",
    "Enlarges pictures with ELAN, a super-resolution network. Your pictures are deleted after an hour.": (
        "用超分辨率网络 ELAN 放大图片。您的图片会在一小时后删除。"
    ),
    "Choose pictures": "选择图片",
    "or drop or paste them anywhere on this page": "也可以拖放或粘贴到本页任意位置",
    "Sending": "正在上传",
    "Enlarge": "放大",
    "{scale}\N{MULTIPLICATION SIGN}": "{scale} 倍",
    "Other": "其他",
    "Size of the result": "结果尺寸",
    "Unit": "单位",
    "percent": "百分比",
    "pixels wide": "像素宽",
    "pixels high": "像素高",
    "Model": "模型",
    "Automatic chooses by compression, noise and sharpness.": "“自动”根据压缩、噪点和清晰度选择。",
    "Automatic": "自动",
    "{name}: for clean pictures": "{name}：适合清晰的图片",
    "{name}: for photos with noise or JPEG": "{name}：适合有噪点或 JPEG 压缩的照片",
    "{name}: chosen by the operator": "{name}：服务器管理员选定",
    "Strength": "强度",
    "0 is elan-light, which changes least; 1 is the chosen model.": "0 即 elan-light，改动最少；1 即所选模型。",
    "More": "更多",
    "File format": "文件格式",
    "same as the original": "与原图相同",
    "Quality": "质量",
    "For JPEG, WebP and AVIF.": "用于 JPEG、WebP 和 AVIF。",
    "Upscale": "开始放大",
    "Stop": "停止",
    "The result will appear here.": "结果会显示在这里。",
    "Left: bicubic, right: elansr": "左：双三次插值，右：elansr",
    "Drag the line or move it with the arrow keys. Zoom with the mouse wheel or two fingers, or open it full screen.": (
        "拖动分隔线，或用方向键移动。用鼠标滚轮或双指缩放，也可以全屏查看。"
    ),
    "View a detail at 100 %": "以 100% 查看细节",
    "Click the part to view": "点击要查看的位置",
    "Left to right, %": "从左到右（%）",
    "Top to bottom, %": "从上到下（%）",
    "How much of the picture before is shown, in percent": "原图显示的比例（百分比）",
    "The picture enlarged with bicubic": "用双三次插值放大的图片",
    "The picture enlarged by elansr": "用 elansr 放大的图片",
    # of Gradio
    "Undo": "还原",
    "undo": "还原",
    "Fullscreen": "全屏",
    "Exit fullscreen mode": "退出全屏",
    # html.py
    "up to {bytes} and {pixels}": "最大 {bytes}、{pixels}",
    "Your picture": "您选择的图片",
    "Remove": "移除",
    "Remove {name}": "移除 {name}",
    "Compare": "对比",
    "Compare {name}": "对比 {name}",
    "{width} x {height} pixels": "{width} × {height} 像素",
    "{format}, quality {quality}": "{format}，质量 {quality}",
    "16 bits": "16 位",
    "{pages} pages (first page shown)": "{pages} 页（显示第一页）",
    "{before} will become {after} pixels": "{before} 将变为 {after} 像素",
    "{number} pictures: {before} will become {after}": "{number} 张图片：{before} 将变为 {after}",
    "{found} is more than the limit of {most}: choose a smaller size": ("{found} 超过上限 {most}，请选择较小的尺寸"),
    "pictures that take more than {time} are stopped": "单张图片处理时间超过{time}会被中止",
    "the result can be at most 16 times as wide as the picture": "结果宽度最多为原图的 16 倍",
    "enter a size above 0": "请输入大于 0 的尺寸",
    "Waiting in the queue …": "正在排队……",
    "{time} left": "剩余{time}",
    "Upscaling": "正在放大",
    "{number} of {all}: {name}": "第 {number}/{all} 张：{name}",
    "{done} of {all} pictures are done.": "已完成 {done}/{all} 张。",
    "Stopped: {done} of {all} pictures are done.": "已停止：完成了 {done}/{all} 张。",
    "Stopped.": "已停止。",
    "Preparing the comparison …": "正在准备对比图……",
    "Packing all results …": "正在打包……",
    "Done. The result is too large to show here: download it.": "已完成。结果太大，无法在此显示，请下载查看。",
    "Download all": "全部下载",
    "Download {name}": "下载 {name}",
    "Size": "尺寸",
    "Time": "用时",
    "Note": "说明",
    "{megapixels} megapixels": "{megapixels} 百万像素",
    "about a second": "约 1 秒",
    "about {n}\N{NO-BREAK SPACE}s": "约 {n} 秒",
    "about {n}\N{NO-BREAK SPACE}min": "约 {n} 分钟",
    "about {n}\N{NO-BREAK SPACE}h": "约 {n} 小时",
    "{seconds}\N{NO-BREAK SPACE}s": "{seconds} 秒",
    # page_files.py and actions.py
    "choose a picture first": "请先选择图片",
    "the server has deleted this picture, as it does after an hour: choose it again": (
        "图片已从服务器删除（保留一小时），请重新选择"
    ),
    "the upload failed: check the connection and try again": "上传失败，请检查网络后重试",
    "the upload could not be read: choose the picture again": "无法读取上传内容，请重新选择图片",
    "{number} files are more than the limit of {most}: choose fewer": (
        "一次最多 {most} 个文件，您选了 {number} 个，请少选一些"
    ),
    "the file has {bytes}, more than the limit of {most}: choose a smaller one": (
        "文件大小为 {bytes}，超过上限 {most}，请选择较小的文件"
    ),
    "{model} has no weights for this scale ({scale}): choose another scale": (
        "{model} 不支持放大 {scale} 倍，请选择其他倍数"
    ),
}
_ERRORS = {
    "bad_picture": "无法读取：不是支持的图片格式，或文件已损坏",
    "too_many_pixels": "图片像素数超过上限，请换一张较小的图片",
    "result_too_large": "结果像素数超过上限，请选择较小的尺寸",
    "queue_full": "队列已满，请稍后再试",
    "too_slow": "处理时间超过上限，请换一张较小的图片或稍后再试",
    "shutting_down": "服务器正在关闭，请稍后再试",
    "machine": "服务器出错（内存、磁盘或设备），请稍后再试",
    "internal": "服务器内部错误，详见服务器日志",
    "cancelled": "请求已取消",
}

ENGLISH, CHINESE = Words(), Words("zh-CN", _TEXTS, _ERRORS)


def words_for(accept_language: str | None) -> Words:
    """The language for what a browser sends as `Accept-Language`: Chinese where it stands first."""
    first = (accept_language or "").partition(",")[0].strip().lower()
    return CHINESE if first.partition(";")[0].partition("-")[0] == "zh" else ENGLISH
