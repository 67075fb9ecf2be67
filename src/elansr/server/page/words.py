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
    "elansr: larger pictures": "elansr：放大图片",
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
    "Automatic goes by compression, noise and sharpness.": "“自动”会根据压缩方式、噪点和清晰度选择。",
    "Automatic": "自动",
    "{name}: for clean pictures": "{name}：适合清晰的图片",
    "{name}: for photos with noise or JPEG": "{name}：适合有噪点或 JPEG 压缩的照片",
    "{name}: chosen by the operator": "{name}：服务器管理员选定",
    "Strength": "强度",
    "0 changes least, as elan-light does; 1 is the model as it is.": "0 改动最少，与 elan-light 相同；1 为模型本身。",
    "More": "更多",
    "File format": "文件格式",
    "same as the picture": "与原图相同",
    "Quality": "质量",
    "For JPEG, WebP and AVIF.": "用于 JPEG、WebP 和 AVIF。",
    "Upscale": "开始放大",
    "Stop": "停止",
    "The result will appear here.": "结果会显示在这里。",
    "Left: bicubic, right: elansr": "左：双三次插值，右：elansr",
    "Drag the line or move it with the arrow keys. Zoom with the mouse wheel or two fingers, or open it full screen.": (
        "拖动分隔线，或用方向键移动。用鼠标滚轮或双指缩放，也可以全屏查看。"
    ),
    "Look at a detail at 100 %": "以 100% 查看细节",
    "Click where to look": "点击要查看的位置",
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
    "The picture you chose": "您选择的图片",
    "Remove": "移除",
    "Remove {name}": "移除 {name}",
    "Compare": "对比",
    "Compare {name}": "对比 {name}",
    "{width} x {height} pixels": "{width} × {height} 像素",
    "{format}, quality {quality}": "{format}，质量 {quality}",
    "16 bit": "16 位",
    "{pages} pages, the first is shown": "{pages} 页，显示第一页",
    "{before} becomes {after} pixels": "{before} 将变为 {after} 像素",
    "{number} pictures: {before} become {after}": "{number} 张图片：{before} 将变为 {after}",
    "{found}, more than the {most} that this server makes: choose a smaller size": (
        "{found}，超过本服务器的上限 {most}，请选择较小的尺寸"
    ),
    "a picture that takes more than {time} is given up": "单张图片用时超过{time}将被放弃",
    "no picture can grow to more than 16 times its width": "图片最多只能放大到原宽度的 16 倍",
    "enter a size above 0": "请输入大于 0 的尺寸",
    "Waiting for its turn …": "正在排队……",
    "{time} left": "剩余{time}",
    "Upscaling": "正在放大",
    "{number} of {all}: {name}": "第 {number}/{all} 张：{name}",
    "{done} of {all} pictures are done.": "已完成 {done}/{all} 张。",
    "Stopped: {done} of {all} pictures are done.": "已停止：完成了 {done}/{all} 张。",
    "Stopped.": "已停止。",
    "Preparing the comparison …": "正在准备对比图……",
    "Packing all of them …": "正在打包……",
    "Done, but too large to be shown here: download it.": "已完成，但图片太大，无法在此显示，请下载查看。",
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
    "the picture is no longer on the server, which deletes it after a while: choose it again": (
        "图片已不在服务器上（会定期删除），请重新选择"
    ),
    "it did not reach the server: check the connection and try again": "未能上传到服务器，请检查网络后重试",
    "the upload could not be read: choose the picture again": "无法读取上传内容，请重新选择图片",
    "{number} files are more than the {most} that are taken at once: choose fewer": (
        "{number} 个文件超过一次最多 {most} 个的限制，请少选一些"
    ),
    "the file has {bytes}, more than the {most} that this server takes: choose a smaller one": (
        "文件大小为 {bytes}，超过本服务器的上限 {most}，请选择较小的文件"
    ),
    "{model} does not enlarge {scale} times: choose another scale": "{model} 不支持放大 {scale} 倍，请选择其他倍数",
}
_ERRORS = {
    "bad_picture": "无法读取：不是受支持的图片，或文件已损坏",
    "too_many_pixels": "图片的像素数超过本服务器的上限，请换一张较小的图片",
    "result_too_large": "结果的像素数超过本服务器的上限，请选择较小的尺寸",
    "queue_full": "排队人数已满，请稍后再试",
    "too_slow": "处理时间超过本服务器的上限，请换一张较小的图片或稍后再试",
    "shutting_down": "服务器正在关闭，请稍后再试",
    "machine": "服务器的内存、磁盘或设备出现故障，请稍后再试",
    "internal": "服务器处理失败，原因记录在其日志中",
    "cancelled": "请求已撤回",
}

ENGLISH, CHINESE = Words(), Words("zh-CN", _TEXTS, _ERRORS)


def words_for(accept_language: str | None) -> Words:
    """The language for what a browser sends as `Accept-Language`: Chinese where it stands first."""
    first = (accept_language or "").partition(",")[0].strip().lower()
    return CHINESE if first.partition(";")[0].partition("-")[0] == "zh" else ENGLISH
