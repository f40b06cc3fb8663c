"""The edition 2021-03: what the loader gives is what its pages print, and it works as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from pytest_rtcmpu import strategies as rtc
from pytest_rtcmpu.checks import cases
from pytest_rtcmpu.checks.endpoint.scenarios import fresh_pairs
from pytest_rtcmpu.client import Client
from pytest_rtcmpu.contract import Contract, Parameter, load
from pytest_rtcmpu.contract.types import WHOLE_RULES, ReplyField, named
from pytest_rtcmpu.endpoint import Endpoint
from pytest_rtcmpu.model import StartMPUTask
from pytest_rtcmpu.rules import judge
from pytest_rtcmpu.strategies import Violation

EDITION = load("2021-03")
BEFORE = load("2019-05")

# ------------------------------------------------------------------------ what the pages print
# The parameter tables, a row a line: name, type, required, example, description.

START = """\
Action|String|是|StartMPUTask|操作接口名，系统规定参数，取值：StartMPUTask。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 您可以在控制台创建和查询。
ChannelId|String|是|yourChannelId|频道ID，仅支持传单个ID。
StreamURL|String|是|rtmp://live-demo.com/live/stream|直播推流地址，仅支持传单个地址。生成规则请参见推流地址和播放地址。 说明： 对已开防盗链鉴权的域名，需要在推流地址中包含鉴权串。 禁止同一个StreamURL在不同任务中同时使用。 任务停止10S之内，禁止使用同一个StreamURL。
TaskId|String|是|yourTaskId|任务ID，仅支持传单个ID。字符只允许A-Za-z0-9_-，长度限制55字节。 说明： 此ID为旁路转推的标识，需保证唯一。
TaskProfile|String|否|4IN_720P|任务计费配置，根据您的不同设置，进行收费。请参见下文中的TaskProfile枚举值。 说明： 目前任务计费仅针对于混流转码模式。 编码选项MediaEncode的分辨率需要小于等于TaskProfile的分辨率。 布局最大窗格数需要小于等于TaskProfile的输入路数。 旁路转推服务API变更：此参数于2020年6月1日23:00时由可选项变更为必填项，若缺失该参数，则默认按照最高规格16IN_1080P计费。
TaskMode|Integer|否|0|任务模式。取值： 0：通用模式（默认值）。 1：虚拟背景模式，此模式下支持对指定流开启人像分割功能。
MixMode|Integer|否|0|混流模式。取值： 0：单路转推，不混流转码，仅转推原始单路流，无需配置混流转码参数。 1：混流转码（默认值），支持混流转码输出。 说明： 单路转推模式下有效参数：StreamType、SourceType。 混流转码模式下有效参数：TaskProfile、MediaEncode、LayoutIds、BackgroundColor、SubSpecUsers、CropMode、UserPanes、Backgrounds、Watermarks。
CropMode|Integer|否|1|视频的裁剪方式。取值： 1：保持比例裁剪。 2：保持比例留边（默认值）。
MediaEncode|Integer|否|2|编码选项，请参见下文中的MediaEncode枚举值。
SourceType|String|否|camera|单路转推模式下用户视频输入流。取值： camera：摄像头。 shareScreen：屏幕共享。
StreamType|Integer|否|0|单路转推模式下转推音频流。取值： 0：转推原始流。 1：仅转推音频流。 2：仅转推视频流。 默认转推原始流。
BackgroundColor|Integer|否|0|背景色RGB，默认是0（黑色）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
SubSpecUsers.N|RepeatList|否|userID|指定该任务订阅的用户列表，默认订阅频道内全部用户，N表示的是数组的下标，取值范围：1～16。 说明： N需要从1开始并从小到大，不能中断，要连续。
SubSpecAudioUsers.N|RepeatList|否|audioUserID|指定订阅房间里哪些用户音频流（输入allStream表示混所有人音频）。N表示的是数组的下标，取值范围：1～16。 说明： N需要从1开始并从小到大，不能中断，要连续。
LayoutIds.N|RepeatList|否|1|布局ID数据，您可在一次任务中指定多个布局，系统会根据当时频道中的人数进行切换。N表示的是数组的下标，取值范围是1～16，相当于一个旁路任务中最多可以同时设置16种布局。详情请参见布局。 说明： N需要从1开始并从小到大，不能中断，要连续。 设置的布局窗格数不能相同。例：官网上的布局ID 2和3 的不能同时设置，他们两个的窗格数相同都是2。
UserPanes.N.PaneId|Integer|否|2|窗格ID，N的取值：1~16。PaneID的取值：0~15。 说明： 当指定的PaneId用户找不到的话，会默认显示其他的流，流的确定是根据用户加入频道的顺序。
UserPanes.N.UserId|String|否|TestId|对应布局框格的用户ID。N的取值：1~16。
UserPanes.N.SourceType|String|否|camera|对应布局的用户视频输入。取值： camera：视频流（默认值）。 shareScreen：共享屏幕流。 N的取值：1~16。
UserPanes.N.SegmentType|Integer|否|0|人像分割类型。取值： 0：无人像分割（默认值）。 1：人像分割，仅在虚拟背景模式有效。
UserPanes.N.Images.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
UserPanes.N.Images.N.Display|Integer|否|1|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。 2（Backup）：当前用户无视频流时显示。
UserPanes.N.Images.N.X|Float|否|0.7576|坐标X，归一化百分比。
UserPanes.N.Images.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
UserPanes.N.Images.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
UserPanes.N.Images.N.Height|Float|否|0.2456|窗格高，归一化百分比。
UserPanes.N.Images.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
UserPanes.N.Texts.N.Text|String|否|text|文本内容。
UserPanes.N.Texts.N.X|Float|否|0.7576|坐标X，归一化百分比。
UserPanes.N.Texts.N.Y|Float|否|0.2456|坐标Y，归一化百分比。
UserPanes.N.Texts.N.FontType|Integer|否|0|字体类型，取值： 0：NOTO_SERIF_CJKSC_REGULAR（默认值） 1：ALIBABA_PUHUITI_REGULAR 2：ALIBABA_PUHUITI_BOLD 3：ALIBABA_PUHUITI_Heavy 4：ALIBABA_PUHUITI_LIGHT 5：ALIBABA_PUHUITI_MEDIUM
UserPanes.N.Texts.N.FontSize|Integer|否|1|字体大小，字体合理范围 (0, 72] )
UserPanes.N.Texts.N.FontColor|Integer|否|0|文字颜色（RGB）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
UserPanes.N.Texts.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
Backgrounds.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
Backgrounds.N.Display|Integer|否|1|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。
Backgrounds.N.X|Float|否|0.7576|坐标X，归一化百分比。
Backgrounds.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
Backgrounds.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
Backgrounds.N.Height|Float|否|0.2456|窗格高，归一化百分比。
Backgrounds.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
Watermarks.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
Watermarks.N.Alpha|Float|否|0|透明度。0.0表示透明，1.0表示完全不透明。
Watermarks.N.Display|Integer|否|0|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。
Watermarks.N.X|Float|否|0.7576|坐标X，归一化百分比。
Watermarks.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
Watermarks.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
Watermarks.N.Height|Float|否|0.2456|窗格高，归一化百分比。
Watermarks.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
ClockWidgets.N.X|Float|否|0.7576|坐标X，归一化百分比。
ClockWidgets.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
ClockWidgets.N.FontType|Integer|否|0|字体类型，取值： 0：NOTO_SERIF_CJKSC_REGULAR（默认值） 1：ALIBABA_PUHUITI_REGULAR 2：ALIBABA_PUHUITI_BOLD 3：ALIBABA_PUHUITI_Heavy 4：ALIBABA_PUHUITI_LIGHT 5：ALIBABA_PUHUITI_MEDIUM
ClockWidgets.N.FontSize|Integer|否|1|字体大小，字体合理范围 (0, 72]。 )
ClockWidgets.N.FontColor|Integer|否|0|文字颜色（RGB）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
ClockWidgets.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
PayloadType|Integer|否|0|载荷类型。取值： 0：不使用载荷。 1：使用VideoSEI。
ReportVad|Integer|否|0|语音激励标志。取值： 0：不传递语音激励信息。 1：传递语音激励信息。
RtpExtInfo|Integer|否|0|RTP扩展头信息。取值： 0：不传递。 1：传递。
TimeStampRef|Long|否|15273582735|时间戳。
VadInterval|Long|否|86400|语音激励的回调间隔。
"""  # noqa: E501
STOP = """\
Action|String|是|StopMPUTask|操作接口名，系统规定参数，取值：StopMPUTask。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 说明： 您可以在控制台创建和查询。
TaskId|String|是|yourTaskId|任务ID，仅支持传单个ID，可通过StartMpuTask接口设置。
"""
STATUS = """\
Action|String|是|GetMPUTaskStatus|操作接口名，系统规定参数，取值：GetMPUTaskStatus。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 您可以在控制台创建和查询。
TaskId|String|是|yourTaskId|任务ID，仅支持传单个ID，通过StartMpuTask设置。
"""
UPDATE = """\
Action|String|是|UpdateMPULayout|操作接口名，系统规定参数，取值：UpdateMPULayout。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 可通过控制台创建和查询。
LayoutIds.N|RepeatList|是|1|布局ID数据，用户可在一次任务中指定多个布局，系统会根据当时channel（频道）中的人数进行切换。详情请参见布局。
TaskId|String|是|testId|任务ID，仅支持传单个ID，通过StartMpuTask接口设置。
CropMode|Integer|否|1|视频的裁剪模式。取值： 1：保持比例裁剪。 2（默认）：保持比例留边。
BackgroundColor|Integer|否|0|背景色RGB，默认是0（黑色）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
UserPanes.N.PaneId|Integer|否|2|窗格ID，N的取值范围是1~16。PaneID的取值范围是0~15。
UserPanes.N.UserId|String|否|TestUserID|对应布局窗格的用户ID，N的取值：1~16。
UserPanes.N.SourceType|String|否|camera|对应布局的用户视频输入，N的取值：1~16。 camera：相机流。 shareScreen：共享屏幕流。
UserPanes.N.Images.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
UserPanes.N.Images.N.Display|Integer|否|1|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。 2（Backup）：当前用户无视频流时显示。
UserPanes.N.Images.N.X|Float|否|0.7576|坐标X，归一化百分比。
UserPanes.N.Images.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
UserPanes.N.Images.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
UserPanes.N.Images.N.Height|Float|否|0.2456|窗格高，归一化百分比。
UserPanes.N.Images.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
UserPanes.N.Texts.N.Text|String|否|text|文本内容。
UserPanes.N.Texts.N.X|Float|否|0.7576|坐标X，归一化百分比。
UserPanes.N.Texts.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
UserPanes.N.Texts.N.FontType|Integer|否|0|字体类型，取值： 0：NOTO_SERIF_CJKSC_REGULAR 1：ALIBABA_PUHUITI_REGULAR 2：ALIBABA_PUHUITI_BOLD 3：ALIBABA_PUHUITI_Heavy 4：ALIBABA_PUHUITI_LIGHT 5：ALIBABA_PUHUITI_MEDIUM 默认取值为0。
UserPanes.N.Texts.N.FontSize|Integer|否|1|字体大小，字体合理范围 (0, 72]。 )
UserPanes.N.Texts.N.FontColor|Integer|否|0|文字颜色（RGB）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
UserPanes.N.Texts.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
Backgrounds.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
Backgrounds.N.Display|Integer|否|1|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。
Backgrounds.N.X|Float|否|0.7576|坐标X，归一化百分比。
Backgrounds.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
Backgrounds.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
Backgrounds.N.Height|Float|否|0.2456|窗格高，归一化百分比。
Backgrounds.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
Watermarks.N.Url|String|否|https://www.test.com/image.jpg|图片的HTTP或HTTPS地址。
Watermarks.N.Alpha|Float|否|0|透明度。0.0表示透明，1.0表示完全不透明。
Watermarks.N.Display|Integer|否|1|图片显示，取值： 0（None）：不显示。 1（Always）：总是显示。
Watermarks.N.X|Float|否|0.7576|坐标X，归一化百分比。
Watermarks.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
Watermarks.N.Width|Float|否|0.2456|窗格宽，归一化百分比。
Watermarks.N.Height|Float|否|0.2456|窗格高，归一化百分比。
Watermarks.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
ClockWidgets.N.X|Float|否|0.7576|坐标X，归一化百分比。
ClockWidgets.N.Y|Float|否|0.7576|坐标Y，归一化百分比。
ClockWidgets.N.FontType|Integer|否|0|字体类型，取值： 0：NOTO_SERIF_CJKSC_REGULAR 1：ALIBABA_PUHUITI_REGULAR 2：ALIBABA_PUHUITI_BOLD 3：ALIBABA_PUHUITI_Heavy 4：ALIBABA_PUHUITI_LIGHT 5：ALIBABA_PUHUITI_MEDIUM 默认取值为0。
ClockWidgets.N.FontSize|Integer|否|1|字体大小，字体合理范围 (0, 72]。 )
ClockWidgets.N.FontColor|Integer|否|0|文字颜色（RGB）。 计算公式为R + G × 256 + B × 65536，R（红）、G（绿）、B（蓝）的取值：0~255。
ClockWidgets.N.ZOrder|Integer|否|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
"""  # noqa: E501
MODIFY = """\
Action|String|是|ModifyMPULayout|操作接口名，系统规定参数，取值：ModifyMPULayout。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 您可以在控制台创建和查询。
LayoutId|Long|是|10117|布局ID。
Name|String|否|LayoutName|布局名称。
AudioMixCount|Integer|否|3|最大混音个数。取值范围：0~6。
Panes.N.PaneId|Integer|否|0|布局窗口ID。从左上到右下排序，从0开始。
Panes.N.MajorPane|Integer|否|0|指定主窗格： 0：副窗格。 1：主窗格。 每个布局只能有一个主窗格。
Panes.N.X|Float|否|0.7576|坐标，归一化百分比。坐标X取值范围：0.0≤X≤1.0。
Panes.N.Y|Float|否|0.7576|坐标Y，归一化百分比。坐标Y取值范围：0.0≤Y≤1.0。
Panes.N.Width|Float|否|0.2456|窗格宽，归一化百分比。Width取值范围：0.0<Width≤1.0。
Panes.N.Height|Float|否|0.2456|窗格高，归一化百分比。Height取值范围：0.0<Height≤1.0。
Panes.N.ZOrder|Integer|否|0|叠放顺序。0为最底层，1层在0层之上，以此类推。
"""
LIST = """\
Action|String|是|DescribeMPULayoutList|操作接口名，系统规定参数，取值：DescribeMPULayoutList。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 可通过控制台创建和查询。
"""
DESCRIBE = """\
Action|String|是|DescribeMPULayoutInfoList|操作接口名，系统规定参数，取值：DescribeMPULayoutInfoList。
AppId|String|是|yourAppId|应用ID，仅支持传单个ID。 您可以在控制台创建和查询。
LayoutId|Long|否|10117|布局ID。
Name|String|否|LayoutName|布局名称。
PageNum|Long|否|1|页码。默认为1，取值范围大于0。
PageSize|Long|否|10|每页显示数量。默认为10，取值范围大于0。
"""
TABLES = {
    "StartMPUTask": START,
    "StopMPUTask": STOP,
    "GetMPUTaskStatus": STATUS,
    "UpdateMPULayout": UPDATE,
    "ModifyMPULayout": MODIFY,
    "DescribeMPULayoutList": LIST,
    "DescribeMPULayoutInfoList": DESCRIBE,
}

# The tables of replies: name, type, example, description.
REPLIES = {
    "GetMPUTaskStatus": """\
RequestId|String|760bad53276431c499e30dc36f6b26be|请求ID。
Status|Integer|0|任务的状态ID。 0：等待channel开始。 说明： 30天内没有启动任务，任务将自动停止。 1：任务运行中 。 2：任务已停止 。 3：用户停止任务。 4：Channel已停止。 5：CDN网络问题，直播停止。 6：直播URL问题，直播停止。
""",  # noqa: E501
    "DescribeMPULayoutList": """\
LayoutIds|List|[2,4,6]|布局ID组。
RequestId|String|760bad53276431c499e30dc36f6b26be|请求ID。
""",
    "DescribeMPULayoutInfoList": """\
TotalPage|Long|1|总页数。
TotalNum|Long|1|总记录数。
Layouts|Array of Layout| |布局列表。
Layout| | |
AudioMixCount|Integer|3|最大混音个数。
LayoutId|Long|1100|布局ID。
Name|String|LayoutName|布局名称。
Panes|Array of Panes| |布局的窗格参数。
Panes| | |
Height|Float|0.5|窗格高，归一化百分比。
MajorPane|Integer|0|指定主窗格： 0：副窗格。 1：主窗格。 每个布局只能有一个主窗格。
PaneId|Integer|0|布局ID，从左上到右下排序，从0开始。
Width|Float|0.5|窗格宽，归一化百分比。
X|Float|0.5|坐标X，归一化百分比。
Y|Float|0.5|坐标Y，归一化百分比。
ZOrder|Integer|0|叠放顺序，0为最底层，1层在0层之上，以此类推。
RequestId|String|760bad53276431c499e30dc36f6b26be|请求ID。
""",
}

#: What the pages say beside their tables, by source.
SENTENCES = {
    "S1": """
调用StartMPUTask开始旁路直播任务。
对已开防盗链鉴权的域名，需要在推流地址中包含鉴权串。
编码选项MediaEncode的分辨率需要小于等于TaskProfile的分辨率。
布局最大窗格数需要小于等于TaskProfile的输入路数。
RequestId|String|760bad53276431c499e30dc36f6b26be|请求ID。
{ "RequestId": "760bad53276431c499e30dc36f6b26be" }
""",
    "S2 StopMPUTask": """
调用StopMPUTask停止任务。
停止后如果需要恢复旁路直播，您需要重新调用StartMPUTask接口。
""",
    "S2 GetMPUTaskStatus": """
调用GetMPUTaskStatus获取任务状态。
{ "RequestId": "760bad53276431c499e30dc36f6b26be", "Status":0 }
""",
    "S2 UpdateMPULayout": "调用UpdateMPULayout更新任务的布局。",
    "S2 ModifyMPULayout": "调用ModifyMPULayout修改旁路直播布局。",
    "S2 DescribeMPULayoutList": """
调用DescribeMPULayoutList获取旁路直播布局列表。
"LayoutIds":{ "LayoutId":[2,4,6] }
""",
    "S2 DescribeMPULayoutInfoList": "调用DescribeMPULayoutInfoList获取旁路直播任务布局参数。",
    "S2 109587": """
panes|object array|窗格信息，最多支持16组设置。
阿里云RTC为您提供如下布局参考：
""",
    "S2 111548": "您可以通过发送HTTP GET请求调用API，并支持通过HTTP或HTTPS通道进行请求通信",
    "S2 111173": "0x02071001|34017281|200|Service.Inactive|服务不可用",
    "S6": """
错误ID|错误代码|描述|Http 状态码|语义
0x07100001|TaskExisted|Task is already existed.|200|任务已存在。
0x0702000C|InternalError|…|500|内部错误。
0x0701000C|InvalidLayoutID.Malformed|…|400|参数LayoutId错误。
0x0701000D|InvalidMediaEncode.Malformed|…|400|参数MediaEncode错误
0x0701000E|InvalidBackgroundColor.Malformed|…|400|参数BackgroundColor错误。
0x07080002|InvalidTask.NotFound|the specified task is not existed.|404|任务不存在。
""",
}

_TYPES = {
    "string": "String",
    "url": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
}


def table_of(view: Contract) -> list[tuple[str, str, str]]:
    """Return an operation's parameters as its page lists them: name, type, required."""
    return [
        (view.common_parameters[2].name, "String", "是"),
        *(row for p in view.parameters for row in _rows(p, p.name)),
    ]


def _rows(p: Parameter, name: str) -> Iterator[tuple[str, str, str]]:
    name += ".N" if p.items else ""
    for field in p.fields:
        yield from _rows(field, f"{name}.{field.name}")
    if not p.fields:
        yield name, "RepeatList" if p.items else _TYPES[p.kind], "是" if p.required else "否"


@pytest.mark.parametrize(("operation", "page"), TABLES.items(), ids=TABLES)
def test_an_operation_has_the_parameters_of_its_page(operation: str, page: str) -> None:
    """Every row of the page's table, in its order, and no other: name, type, required."""
    rows = [tuple(row.split("|")[:3]) for row in page.splitlines()]
    assert table_of(EDITION.operation(operation)) == rows


def test_the_table_of_a_start_has_sixty_lines() -> None:
    """Nothing of the longest table got lost on the way here."""
    assert len(START.splitlines()) == 60
    required = [row.split("|")[0] for row in START.splitlines() if row.split("|")[2] == "是"]
    assert required == ["Action", "AppId", "ChannelId", "StreamURL", "TaskId"]


@pytest.mark.parametrize(("operation", "page"), REPLIES.items(), ids=REPLIES)
def test_a_reply_has_the_fields_of_its_page(operation: str, page: str) -> None:
    """Every row of the page's table of the reply, but RequestId, which every reply has."""

    def rows(fields: tuple[ReplyField, ...]) -> Iterator[tuple[str, str]]:
        for field in fields:
            listed = "List" if field.kind != "struct" else f"Array of {field.item}"
            yield field.name, listed if field.item else _TYPES[field.kind]
            if field.fields:
                yield str(field.item), ""  # the table has a row for the item as well
                yield from rows(field.fields)

    printed = [tuple(row.split("|")[:2]) for row in page.splitlines()]
    expected = [(name, kind.strip()) for name, kind in printed if name != "RequestId"]
    assert list(rows(EDITION.operations[operation].reply)) == expected


def test_operations_without_a_page_have_what_the_published_sdk_has() -> None:
    """CreateMPULayout and DeleteMPULayout: their fields are the SDK's, and all is a reading."""
    create, delete = (EDITION.operation(f"{name}MPULayout") for name in ("Create", "Delete"))
    panes = [f"Panes.N.{name}" for name in ("PaneId", "MajorPane", "X", "Y", "Width", "Height")]
    assert [name for name, _, _ in table_of(create)] == [
        *("Action", "AppId", "Name", "AudioMixCount"),
        *(*panes, "Panes.N.ZOrder"),
    ]
    assert [p.name for p in create.parameters if p.required] == ["AppId", "AudioMixCount", "Panes"]
    assert [(f.name, f.kind) for f in create.in_view.reply] == [("LayoutId", "long")]
    assert table_of(delete)[1:] == [("AppId", "String", "是"), ("LayoutId", "Long", "是")]
    for view in (create, delete):
        assert {clause.level for clause in view.in_view.clauses} == {"reading"}
        assert {p.level for _, p in named(view.parameters)} == {"reading"}


# --------------------------------------------------------------------------- the enumerations

#: id, width, height, kbit/s, frames a second; in the page's order.
ENCODES = """\
0 0 0 64 0
1 640 360 500 15
54 360 640 500 30
53 360 640 500 15
52 640 360 500 30
10 960 540 700 24
20 1280 720 1024 25
22 720 1280 1024 30
23 800 600 1024 30
30 1920 1080 2048 30
31 1080 1920 2048 30
24 750 780 1024 30
25 750 540 700 30
26 720 1280 2048 30
27 1280 720 2048 30
28 1280 720 3096 30
32 1024 768 1024 24
33 1280 960 1024 24
34 1024 768 2048 24
35 1280 960 2048 24
36 1280 720 1024 24
37 1280 720 2048 24
38 540 960 750 15
39 540 960 1500 30
40 1280 720 1200 15
41 720 1280 1200 15
42 720 1280 1500 15
43 540 960 1200 15
"""
#: Those of 16:9 or upright 9:16, and how they compare with a profile's 1080P, 720P, 360P.
LINES = {
    **dict.fromkeys((1, 52, 53, 54), 360),
    **dict.fromkeys((10, 38, 39, 43), 540),
    **dict.fromkeys((20, 22, 26, 27, 28, 36, 37, 40, 41, 42), 720),
    **dict.fromkeys((30, 31), 1080),
}


def test_the_encodings_are_the_pages_own() -> None:
    """All 28, in the page's order; only those of a profile's shape have lines to compare."""
    rows = EDITION.parameter("MediaEncode").values
    columns = ("width", "height", "bitrate", "frame_rate")
    found = [(row.value, *(row.attributes[name] for name in columns)) for row in rows]
    assert found == [tuple(map(int, line.split())) for line in ENCODES.splitlines()]
    assert len(found) == 28
    compared = {r.value: r.attributes["lines"] for r in rows if "lines" in r.attributes}
    assert compared == LINES
    assert [row.value for row in rows if row.attributes["media"] == "audio"] == [0]


def test_an_encoding_is_called_by_what_it_is() -> None:
    """Every name tells the size, the frames and the bitrate, and is another's no more."""
    rows = EDITION.parameter("MediaEncode").values
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.name.isidentifier() for row in rows)
    assert {row.value: row.name for row in rows}[27] == "P1280X720_30_2048"


def test_the_profiles_are_the_pages_own() -> None:
    """Six numbers of inputs times three resolutions, and audio, which has no limit of inputs."""
    rows = EDITION.parameter("TaskProfile").values
    numbers, heights = (1, 2, 4, 9, 12, 16), (1080, 720, 360)
    expected = {f"{n}IN_{lines}P": (n, lines) for n in numbers for lines in heights}
    assert {
        row.value: (row.attributes["inputs"], row.attributes["lines"]) for row in rows[:-1]
    } == expected
    assert (rows[-1].value, dict(rows[-1].attributes)) == ("Mixed_Audio", {"media": "audio"})
    assert len(rows) == 19


SOURCES = ("camera", "shareScreen")
FONTS = tuple(range(6))
#: The values of every other enumeration, and what counts where the parameter is absent.
ENUMERATIONS: Mapping[str, Mapping[str, tuple[tuple[str | int, ...], str | int | None]]] = {
    "StartMPUTask": {
        "TaskMode": ((0, 1), 0),
        "MixMode": ((0, 1), 1),
        "CropMode": ((1, 2), 2),
        "SourceType": (SOURCES, None),
        "StreamType": ((0, 1, 2), 0),
        "UserPanes.SourceType": (SOURCES, "camera"),
        "UserPanes.SegmentType": ((0, 1), 0),
        "UserPanes.Images.Display": ((0, 1, 2), None),
        "UserPanes.Texts.FontType": (FONTS, 0),
        "Backgrounds.Display": ((0, 1), None),
        "Watermarks.Display": ((0, 1), None),
        "ClockWidgets.FontType": (FONTS, 0),
        "PayloadType": ((0, 1), None),
        "ReportVad": ((0, 1), None),
        "RtpExtInfo": ((0, 1), None),
    },
    "UpdateMPULayout": {
        "CropMode": ((1, 2), 2),
        "UserPanes.SourceType": (SOURCES, None),
        "UserPanes.Images.Display": ((0, 1, 2), None),
        "UserPanes.Texts.FontType": (FONTS, 0),
        "Backgrounds.Display": ((0, 1), None),
        "Watermarks.Display": ((0, 1), None),
        "ClockWidgets.FontType": (FONTS, 0),
    },
    "ModifyMPULayout": {"Panes.MajorPane": ((0, 1), None)},
    "CreateMPULayout": {"Panes.MajorPane": ((0, 1), None)},
}


@pytest.mark.parametrize("operation", EDITION.operations)
def test_every_enumeration_has_the_values_and_the_default_of_its_page(operation: str) -> None:
    """No value more, none less; nothing else is an enumeration."""
    found = {
        path: (tuple(row.value for row in p.values), p.default)
        for path, p in named(EDITION.operation(operation).parameters)
        if p.values and path not in ("MediaEncode", "TaskProfile")
    }
    assert found == ENUMERATIONS.get(operation, {})


def test_the_fonts_are_called_as_the_page_calls_them() -> None:
    """Their names stand in the page in this order."""
    for path in ("UserPanes.Texts.FontType", "ClockWidgets.FontType"):
        names = [row.name for row in EDITION.parameter(path).values]
        row = next(r for r in START.splitlines() if "Texts.N.FontType" in r)
        assert names == re.findall(r"[0-9]：([A-Za-z_]+)", row)


def test_the_statuses_are_the_pages_own() -> None:
    """0 to 6; the first two run, and a start, a stop and an end each have one."""
    (field,) = EDITION.operations["GetMPUTaskStatus"].reply
    rows = {row.value: row.attributes for row in field.values}
    assert list(rows) == list(range(7))
    assert [value for value, row in rows.items() if row.get("runs") == "yes"] == [0, 1]
    on = {row["on"]: value for value, row in rows.items() if "on" in row}
    assert on == {"start": 0, "run": 1, "end": 2, "stop": 3}


# ---------------------------------------------------------------------------- limits and lists

RGB = (0, 0xFFFFFF, ())
FONT_SIZE = (0, 72, ("minimum",))
LAYER = (0, None, ())
_OF_BOTH = {
    "BackgroundColor": RGB,
    "UserPanes.PaneId": (0, 15, ()),
    "UserPanes.Images.ZOrder": LAYER,
    "UserPanes.Texts.FontSize": FONT_SIZE,
    "UserPanes.Texts.FontColor": RGB,
    "UserPanes.Texts.ZOrder": LAYER,
    "Backgrounds.ZOrder": LAYER,
    "Watermarks.Alpha": (0, 1, ()),
    "Watermarks.ZOrder": LAYER,
    "ClockWidgets.FontSize": FONT_SIZE,
    "ClockWidgets.FontColor": RGB,
    "ClockWidgets.ZOrder": LAYER,
}
_OF_LAYOUTS = {
    "AudioMixCount": (0, 6, ()),
    "Panes.PaneId": (0, 15, ()),
    "Panes.X": (0, 1, ()),
    "Panes.Y": (0, 1, ()),
    "Panes.Width": (0, 1, ("minimum",)),
    "Panes.Height": (0, 1, ("minimum",)),
    "Panes.ZOrder": LAYER,
}
#: lowest, highest, which of them are excluded.
LIMITS: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "StartMPUTask": _OF_BOTH,
    "UpdateMPULayout": _OF_BOTH,
    "ModifyMPULayout": _OF_LAYOUTS,
    "CreateMPULayout": _OF_LAYOUTS,
    "DescribeMPULayoutInfoList": {
        "PageNum": (0, None, ("minimum",)),
        "PageSize": (0, None, ("minimum",)),
    },
}


@pytest.mark.parametrize("operation", EDITION.operations)
def test_numbers_have_the_limits_that_their_page_prints(operation: str) -> None:
    """And where it prints none they have none: X, Y, Width and Height of an image."""
    found = {
        path: (p.minimum, p.maximum, p.excludes)
        for path, p in named(EDITION.operation(operation).parameters)
        if (p.minimum, p.maximum) != (None, None)
    }
    assert found == LIMITS.get(operation, {})


_NESTED = ("Images", "Texts")
#: How many items a list may have, where that is printed.
COUNTS: Mapping[str, Mapping[str, int | None]] = {
    "StartMPUTask": {
        "SubSpecUsers": 16,
        "SubSpecAudioUsers": 16,
        "LayoutIds": 16,
        "UserPanes": 16,
        **{f"UserPanes.{name}": None for name in _NESTED},
        **dict.fromkeys(("Backgrounds", "Watermarks", "ClockWidgets")),
    },
    "UpdateMPULayout": {
        "LayoutIds": None,
        "UserPanes": 16,
        **{f"UserPanes.{name}": None for name in _NESTED},
        **dict.fromkeys(("Backgrounds", "Watermarks", "ClockWidgets")),
    },
    "ModifyMPULayout": {"Panes": 16},
    "CreateMPULayout": {"Panes": 16},
}


@pytest.mark.parametrize("operation", EDITION.operations)
def test_lists_start_at_1_and_have_the_printed_number_of_items(operation: str) -> None:
    """Every list of the edition starts at 1, has no gaps, and 16 items at most or any number."""
    lists = {
        path: p.items
        for path, p in named(EDITION.operation(operation).parameters)
        if p.items is not None
    }
    assert {path: each.maximum for path, each in lists.items()} == COUNTS.get(operation, {})
    rest = {(each.starts, each.gaps, each.minimum) for each in lists.values()}
    assert rest <= {((1,), False, None)}


def test_where_a_list_starts_is_as_sure_as_its_page() -> None:
    """Of three lists the page says from 1 without a gap; of the others it is a reading."""
    sure = {
        clause.parameter
        for clause in EDITION.clauses
        if clause.rule in ("base", "gaps") and clause.level == "documented"
    }
    assert sure == {"SubSpecUsers", "SubSpecAudioUsers", "LayoutIds"}
    said = "N需要从1开始并从小到大，不能中断，要连续。"
    rows = [row.split("|")[0] for row in START.splitlines() if said in row]
    assert rows == [f"{name}.N" for name in ("SubSpecUsers", "SubSpecAudioUsers", "LayoutIds")]


def test_a_limit_that_the_page_does_not_call_one_is_a_reading() -> None:
    """A reasonable size, the lowest layer, the ends of an opacity: refused, but not surely."""
    ranges = {c.parameter: c.level for c in EDITION.clauses if c.rule == "range"}
    readings = {str(name) for name, level in ranges.items() if level == "reading"}
    assert {name.rpartition(".")[2] for name in readings} == {
        *("FontSize", "ZOrder", "Alpha"),
        *("TimeStampRef", "VadInterval"),  # that a Long has 64 bits is no page's word
    }
    assert ranges["UserPanes.PaneId"] == ranges["BackgroundColor"] == "documented"


def test_a_task_id_has_an_alphabet_and_at_most_55_bytes() -> None:
    """The page says so of StartMPUTask's."""
    p = EDITION.parameter("TaskId")
    assert (p.alphabet, p.maximum_bytes) == ("[A-Za-z0-9_-]", 55)
    assert (p.aliases, p.required) == ((), True)


def test_the_layouts_are_the_pages_own() -> None:
    """Twelve of them; there is no 12, and 13 has two panes."""
    panes = (1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9)
    assert dict(EDITION.layouts) == {**dict(enumerate(panes, start=1)), 13: 2}
    assert EDITION.reserved_layouts_up_to == 10000


# ------------------------------------------------------------------------- clauses and sources


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _page(source: str) -> str:
    """Everything above that a source prints, as one text without blanks."""
    name = "StartMPUTask" if source == "S1" else source.removeprefix("S2 ")
    parts = (SENTENCES.get(source, ""), TABLES.get(name, ""), REPLIES.get(name, ""))
    return _squeezed("\n".join(parts).replace("`", ""))


def _is_quoted(quote: str, source: str) -> bool:
    """Whether the pieces of a quote stand in a source, in their order."""
    pieces = [re.escape(_squeezed(piece)) for piece in re.split("…+", quote.replace("`", ""))]
    return re.search(".*?".join(pieces), _page(source)) is not None


def quoted() -> Iterator[tuple[str, str, str]]:
    """Yield every quote of the edition's own files: whose it is, the sources it cites, the text."""
    own = {c.id for c in EDITION.shared_clauses} - {
        c.id for c in BEFORE.shared_clauses if c in EDITION.shared_clauses
    }
    for clause in EDITION.all_clauses:
        if clause.quote and (clause.id in own or clause not in EDITION.shared_clauses):
            yield clause.id, clause.source, clause.quote
    for operation in EDITION.operations.values():
        if operation.quote:
            yield operation.name, operation.source, operation.quote
        for path, p in named(operation.parameters):
            if p.quote:
                yield f"{operation.name}.{path}", p.source, p.quote
        for field in _reply_fields(operation.reply):
            if field.quote:
                yield f"{operation.name} → {field.name}", field.source, field.quote


def _reply_fields(fields: tuple[ReplyField, ...]) -> Iterator[ReplyField]:
    for field in fields:
        yield field
        yield from _reply_fields(field.fields)


def test_every_quote_stands_in_the_source_it_cites() -> None:
    """Letter for letter, save blanks and what a … leaves out."""
    wrong = [
        entry
        for entry in quoted()
        if not any(_is_quoted(entry[2], source) for source in entry[1].split(", "))
    ]
    assert wrong == []
    assert len(list(quoted())) > 500


def test_what_a_page_does_not_say_has_a_reason() -> None:
    """Every reading says why it is one."""
    for operation in EDITION.operations.values():
        readings = [c.id for c in operation.clauses if c.level == "reading" and not c.why]
        assert readings == []


def test_what_every_edition_has_quotes_this_editions_pages() -> None:
    """A shared clause that is about S1 quotes this S1, not the one before."""
    shared = [c for c in EDITION.shared_clauses if c.quote and c.source.startswith("S1")]
    cited = [(c.id, c.quote) for c in shared if not c.source.startswith("S1, S2")]
    assert [each for each in cited if not _is_quoted(str(each[1]), "S1")] == []
    assert len(cited) > 4


def test_errors_are_taken_over_as_a_reading() -> None:
    """No page prints an error table any more: Codes, statuses and messages are 2019-05's."""
    for name in ("StartMPUTask", "StopMPUTask", "GetMPUTaskStatus"):
        now, then = EDITION.operations[name].errors, BEFORE.operations[name].errors
        assert [(r.id, r.code, r.http_status, r.message, r.occurs) for r in now] == [
            (r.id, r.code, r.http_status, r.message, r.occurs) for r in then
        ]
        assert {(row.level, row.source) for row in now} == {("reading", "S6")}
    others = EDITION.operations.keys() - BEFORE.operations.keys()
    assert all(not EDITION.operations[name].errors for name in others)


def test_a_code_is_less_sure_than_the_refusal() -> None:
    """That a value is refused is as sure as its list; which Code answers is a reading."""
    clause = EDITION.rule("MediaEncode", "enum")
    assert (clause.level, clause.codes) == ("documented", ("InvalidMediaEncode.Malformed",))
    assert EDITION.clause(str(clause.code_clause)).level == "reading"
    codes = {
        c.level
        for operation in EDITION.operations.values()
        for c in operation.clauses
        if c.id.endswith(".code") or c.id.startswith(("error.", "status.error."))
    }
    assert codes == {"reading"}


def test_every_clause_that_is_known_by_its_id_is_there() -> None:
    """The package's checks name these."""
    ids = {clause.id for clause in EDITION.all_clauses}
    named_ones = (
        *("request.accepted", "request.sent", "task-id.key", "stream-url.unchanged"),
        *("error.task-existed", "error.task-existed.http-200", "error.task-existed.only-then"),
        *("error.task-existed.one-winner", "error.internal-error", "error.message"),
        *("error.http-status", "stop.restart", "status.returned", "status.number"),
        *("status.after-start", "status.after-stop", "status.error.message"),
        "status.error.http-status",
    )
    assert set(named_ones) - ids == set()


# ------------------------------------------------------------------------------- judged as data

START_EXAMPLE = {
    "AppId": "yourAppId",
    "ChannelId": "yourChannelId",
    "TaskId": "yourTaskId",
    "MediaEncode": "2",
    "BackgroundColor": "0",
    "LayoutIds.1": "2",
    "UserPanes.1.PaneId": "0",
    "UserPanes.1.UserId": "TestId",
    "UserPanes.1.SourceType": "camera",
    "StreamURL": "rtmp://123.com/XX",
}
#: The requests that the pages show, which mend nothing but MediaEncode.
EXAMPLES = {
    "StartMPUTask": {**START_EXAMPLE, "MediaEncode": "20"},
    "StopMPUTask": {"AppId": "yourAppId", "TaskId": "yourTaskId"},
    "GetMPUTaskStatus": {"AppId": "yourAppId", "TaskId": "yourTaskId"},
    "UpdateMPULayout": {
        "AppId": "yourAppId",
        "TaskId": "testId",
        "BackgroundColor": "0",
        "LayoutIds.1": "2",
        "UserPanes.1.PaneId": "2",
        "UserPanes.1.UserId": "TestUserID",
        "UserPanes.1.SourceType": "camera",
    },
    "ModifyMPULayout": {"AppId": "yourAppId", "LayoutId": "10117"},
    "DescribeMPULayoutList": {"AppId": "yourAppId"},
    "DescribeMPULayoutInfoList": {"AppId": "yourAppId"},
}


def broken(operation: str, pairs: Mapping[str, str]) -> list[str]:
    """Return the clauses that a request breaks."""
    found = judge(list(pairs.items()), EDITION.operation(operation)).problems
    return [problem.clause.id for problem in found]


@pytest.mark.parametrize(("operation", "pairs"), EXAMPLES.items(), ids=EXAMPLES)
def test_the_pages_examples_keep_every_rule(operation: str, pairs: Mapping[str, str]) -> None:
    """What a page shows is accepted: no TaskProfile is needed, nor a layout's panes."""
    assert broken(operation, pairs) == []


def test_the_starts_example_has_an_encoding_that_its_page_lacks() -> None:
    """MediaEncode=2 is in the example and not in the table: refused, and nothing else is."""
    assert broken("StartMPUTask", START_EXAMPLE) == ["media-encode.enum"]


@pytest.mark.parametrize(
    ("operation", "change", "clause"),
    [
        ("StartMPUTask", {"TaskId": "a" * 56}, "task-id.length"),
        ("StartMPUTask", {"TaskId": "a.b"}, "task-id.alphabet"),
        ("StartMPUTask", {"TaskProfile": "1IN_Audio"}, "task-profile.enum"),
        ("StartMPUTask", {"TaskProfile": "8IN_720P"}, "task-profile.enum"),
        ("StartMPUTask", {"CropMode": "0"}, "crop-mode.enum"),
        ("StartMPUTask", {"TaskMode": "2"}, "task-mode.enum"),
        ("StartMPUTask", {"MixMode": "2"}, "mix-mode.enum"),
        ("StartMPUTask", {"StreamType": "3"}, "stream-type.enum"),
        ("StartMPUTask", {"SourceType": "screen"}, "source-type.enum"),
        ("StartMPUTask", {"LayoutIds.1": "12"}, "layout-ids.known"),
        ("StartMPUTask", {"LayoutIds.2": "3"}, "layout-ids.pane-counts"),
        ("StartMPUTask", {"TaskProfile": "1IN_720P"}, "layout-ids.within-profile"),
        ("StartMPUTask", {"TaskProfile": "2IN_360P"}, "media-encode.within-profile"),
        ("StartMPUTask", {"UserPanes.1.PaneId": "16"}, "user-panes.pane-id.range"),
        ("StartMPUTask", {"UserPanes.1.SegmentType": "2"}, "user-panes.segment-type.enum"),
        (
            "StartMPUTask",
            {"UserPanes.1.Images.1.Display": "3"},
            "user-panes.images.display.enum",
        ),
        ("StartMPUTask", {"UserPanes.1.Images.1.X": "left"}, "user-panes.images.x.number"),
        (
            "StartMPUTask",
            {"UserPanes.1.Images.1.Url": "ftp://a/b"},
            "user-panes.images.url.scheme",
        ),
        ("StartMPUTask", {"UserPanes.1.Images.2.X": "0.5"}, "user-panes.images.start"),
        ("StartMPUTask", {"UserPanes.1.Texts.1.FontSize": "0"}, "user-panes.texts.font-size.range"),
        ("StartMPUTask", {"UserPanes.1.Texts.1.FontType": "6"}, "user-panes.texts.font-type.enum"),
        ("StartMPUTask", {"Backgrounds.1.Display": "2"}, "backgrounds.display.enum"),
        ("StartMPUTask", {"Watermarks.1.Alpha": "1.01"}, "watermarks.alpha.range"),
        ("StartMPUTask", {"Watermarks.1.ZOrder": "-1"}, "watermarks.z-order.range"),
        ("StartMPUTask", {"ClockWidgets.1.FontSize": "73"}, "clock-widgets.font-size.range"),
        (
            "StartMPUTask",
            {f"SubSpecUsers.{n}": f"u{n}" for n in range(1, 18)},
            "sub-spec-users.items",
        ),
        (
            "StartMPUTask",
            {"SubSpecAudioUsers.1": "allStream", "SubSpecAudioUsers.3": "u"},
            "sub-spec-audio-users.no-gaps",
        ),
        ("StartMPUTask", {"TimeStampRef": str(2**63)}, "time-stamp-ref.range"),
        ("StartMPUTask", {"StreamURL": "https://123.com/XX"}, "stream-url.rtmp"),
        ("StartMPUTask", {"StreamURL": "rtmp://123.com"}, "stream-url.absolute"),
        ("StartMPUTask", {"UserPanes.1.PaneId": "-1"}, "user-panes.pane-id.range"),
        ("StopMPUTask", {"TaskId": ""}, "stop.task-id.required"),
        ("GetMPUTaskStatus", {"AppId": ""}, "status.app-id.required"),
        ("UpdateMPULayout", {"CropMode": "0"}, "update.crop-mode.enum"),
        ("UpdateMPULayout", {"LayoutIds.1": ""}, "update.layout-ids.integer"),
        ("ModifyMPULayout", {"AudioMixCount": "7"}, "modify-layout.audio-mix-count.range"),
        ("ModifyMPULayout", {"Panes.1.Width": "0.0"}, "modify-layout.panes.width.range"),
        ("ModifyMPULayout", {"Panes.1.X": "1.5"}, "modify-layout.panes.x.range"),
        (
            "ModifyMPULayout",
            {"Panes.1.MajorPane": "1", "Panes.2.MajorPane": "1"},
            "modify-layout.panes.one-major-pane",
        ),
        ("DescribeMPULayoutInfoList", {"PageNum": "0"}, "describe-layouts.page-num.range"),
    ],
)
def test_a_breach_of_one_rule_is_refused_for_that_rule(
    operation: str, change: Mapping[str, str], clause: str
) -> None:
    """The pages' example with one thing wrong breaks that one clause."""
    assert broken(operation, {**EXAMPLES[operation], **change}) == [clause]


@pytest.mark.parametrize(
    "change",
    [
        {"LayoutIds.1": "13"},
        {"TaskProfile": "2IN_720P"},
        {"MediaEncode": "30"},  # no TaskProfile counts as the highest one
        {"MediaEncode": "33", "TaskProfile": "2IN_360P"},  # not to be compared
        {"MediaEncode": "38", "TaskProfile": "2IN_720P"},
        {"TaskProfile": "Mixed_Audio", "LayoutIds.1": "11"},
        {"UserPanes.1.Texts.1.FontSize": "72", "UserPanes.1.Images.1.Display": "2"},
        {"Watermarks.1.Alpha": "0.0", "Watermarks.2.Alpha": "1.0"},
        {"TaskId": "a" * 55},
        {"SubSpecAudioUsers.1": "allStream"},
        {"TimeStampRef": "15273582735", "VadInterval": "86400"},
    ],
    ids=lambda change: "&".join(f"{name}={value[:12]}" for name, value in change.items()),
)
def test_what_the_page_allows_is_accepted(change: Mapping[str, str]) -> None:
    """The ends of what is allowed, defaults that count, sizes that cannot be compared."""
    assert broken("StartMPUTask", {**EXAMPLES["StartMPUTask"], **change}) == []


@pytest.mark.parametrize(
    ("change", "silence"),
    [
        ({"UserPanes.1.SegmentType": "1"}, "silence.segment-without-virtual-background"),
        ({"StreamType": "1"}, "silence.only-in-single-stream-mode"),
        ({"MixMode": "0"}, "silence.only-in-mixing-mode"),
        ({"MediaEncode": "0"}, "silence.audio-video-mix"),
        ({"UserPanes.1.PaneId": "5"}, "silence.pane-outside-layouts"),
        ({"UserPanes.2.PaneId": "0"}, "silence.repeated-pane-id"),
        ({"StreamURL": "rtmps://123.com/XX"}, "silence.rtmps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_effect_is_noted_and_not_refused(
    change: Mapping[str, str], silence: str
) -> None:
    """Effective only when, the page says: that is a note."""
    pairs = {**EXAMPLES["StartMPUTask"], **change}
    judgement = judge(list(pairs.items()), EDITION)
    assert judgement.problems == ()
    assert silence in {note.silence.id for note in judgement.notes}


@pytest.mark.parametrize("name", ["UserPanes", "Backgrounds", "Watermarks"])
def test_a_list_of_structs_is_noted_too_where_it_has_no_effect(name: str) -> None:
    """In single-stream mode: the page lists them as effective in mixing mode."""
    field = {"UserPanes": "PaneId"}.get(name, "ZOrder")
    pairs = {**EXAMPLES["StopMPUTask"], "ChannelId": "c", "StreamURL": "rtmp://123.com/XX"}
    pairs |= {f"{name}.1.{field}": "0"}
    assert judge(list(pairs.items()), EDITION).notes == ()
    (note,) = judge(list({**pairs, "MixMode": "0"}.items()), EDITION).notes
    assert (note.path, note.silence.id) == (f"{name}.1", "silence.only-in-mixing-mode")


def test_a_segment_in_virtual_background_mode_is_no_note() -> None:
    """There it has its effect."""
    change = {"UserPanes.1.SegmentType": "1", "TaskMode": "1"}
    judgement = judge(list({**EXAMPLES["StartMPUTask"], **change}.items()), EDITION)
    assert judgement.notes == ()


@pytest.mark.parametrize("operation", EDITION.operations)
def test_every_fixed_case_that_is_valid_keeps_every_rule(operation: str) -> None:
    """Rows of tables, ends of ranges, long lists: one at a time, with what must go with it."""
    view = EDITION.operation(operation)
    wrong = {
        name: [str(problem) for problem in problems]
        for name, _, params in cases.valid(view)
        if (problems := judge(cases.to_pairs(params, view), view).problems)
    }
    assert wrong == {}


@pytest.mark.parametrize("operation", EDITION.operations)
def test_every_rule_of_a_parameter_has_breaches_that_break_it_alone(operation: str) -> None:
    """For every clause that a request can break there are fixed breaches, judged as just that."""
    view = EDITION.operation(operation)
    seen = set()
    for name, clause, pairs in cases.breaches(view):
        assert [p.clause.id for p in judge(pairs, view).problems] == [clause], name
        seen.add(clause)
    #: What takes a task that is there to be broken, what a client does, what is no breach.
    others = {"exists", "exclusive", "zero", "complete", *WHOLE_RULES}
    refusing = {c.id for c in view.in_view.clauses if c.rule and c.rule not in others}
    refusing |= {r.id for r in view.relations if r.verdict == "refuse"}
    assert refusing - seen == set()


@pytest.mark.parametrize(
    "change",
    [{"TaskId": "a b"}, {"TaskId": "a" * 56}, {"StreamURL": "rtmp:///a"}, {"StreamURL": "a"}],
    ids=str,
)
def test_what_is_wrong_in_itself_is_sent_to_an_endpoint_as_it_is(change: Mapping[str, str]) -> None:
    """A fixed case gets a fresh TaskId and a fresh address only where that mends nothing."""
    pairs = {**EXAMPLES["StartMPUTask"], **change}
    sent = dict(fresh_pairs(list(pairs.items()), EDITION))
    assert {name: sent[name] for name in change} == change
    assert {name for name in pairs if sent[name] != pairs[name]} == {"TaskId", "StreamURL"} - set(
        change
    )


# ----------------------------------------------------------------------------- the endpoint

NOW = datetime(2021, 4, 3, tzinfo=UTC)
FEW = settings(
    max_examples=50,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def answered(endpoint: Endpoint, action: str, pairs: Mapping[str, str]) -> str | None:
    """Return the Code that a request is answered with, ``None`` for a success."""
    client = Client(endpoint.credentials, contract=EDITION, now=lambda: endpoint.now)
    endpoint.handle(client.prepare(action, list(pairs.items())))
    return endpoint.calls[-1].code


@FEW
@given(rtc.tasks(contract=EDITION))
def test_generated_tasks_are_accepted(task: StartMPUTask) -> None:
    """A task that strategies make of the edition keeps every rule, and is started."""
    assert judge(task.to_wire(), EDITION).problems == ()
    endpoint = Endpoint(contract=EDITION, now=NOW, warn=lambda _: None)
    assert answered(endpoint, "StartMPUTask", dict(task.to_wire())) is None
    assert endpoint.tasks == [task]


@FEW
@given(rtc.violations(contract=EDITION))
def test_generated_violations_are_refused(violation: Violation) -> None:
    """A violation breaks one clause, and one of that clause's Codes answers."""
    problems = judge(violation.pairs, EDITION).problems
    assert [problem.clause.id for problem in problems] == [violation.clause]
    endpoint = Endpoint(contract=EDITION, now=NOW, warn=lambda _: None)
    assert answered(endpoint, "StartMPUTask", dict(violation.pairs)) in violation.codes
    assert endpoint.tasks == []


@FEW
@given(rtc.violations(contract=EDITION, clauses=["user-panes.images.url.*", "*.texts.font-*"]))
def test_a_field_of_a_list_in_a_list_is_broken_alone(violation: Violation) -> None:
    """Also where the request that it is made from has the inner list and not the field."""
    assert violation.problem.path.split(".")[2] in ("Images", "Texts")
    assert judge(violation.repaired, EDITION).problems == ()


def test_every_refusing_clause_has_violations() -> None:
    """Strategies break each of them, but the two that take a task that is there."""
    clauses = {
        c.id
        for c in EDITION.in_view.clauses
        if c.codes and c.parameter and c.rule not in ("exists", "exclusive")
    }
    for clause in sorted(clauses):
        rtc.violations(contract=EDITION, clauses=clause)  # an unknown one raises
    assert len(clauses) > 100


def test_a_stream_url_belongs_to_one_task_and_rests_for_ten_seconds() -> None:
    """While its task runs, and for 10 s after: refused, by the endpoint's clock."""
    endpoint = Endpoint(contract=EDITION, now=NOW)
    first = EXAMPLES["StartMPUTask"]
    other = {**first, "TaskId": "other"}
    assert answered(endpoint, "StartMPUTask", first) is None
    assert answered(endpoint, "StartMPUTask", other) == "InvalidStreamURL"
    assert endpoint.calls[-1].clause is EDITION.clause("stream-url.exclusive")
    assert endpoint.calls[-1].clause.level == "documented"
    (held,) = endpoint.calls[-1].problems
    assert str(held) == (
        f"StreamURL: expected a value that no task has, got {first['StreamURL']!r} "
        f"(stream-url.exclusive); the task {(first['AppId'], first['TaskId'])} has it: stop that "
        "one first"
    )
    assert answered(endpoint, "StopMPUTask", EXAMPLES["StopMPUTask"]) is None
    endpoint.advance_clock(timedelta(seconds=9))
    assert answered(endpoint, "StartMPUTask", other) == "InvalidStreamURL"
    (rests,) = endpoint.calls[-1].problems
    assert "ended less than 10 s ago: endpoint.advance_clock(10) lets them pass" in rests.lead
    endpoint.advance_clock(timedelta(seconds=1))
    assert answered(endpoint, "StartMPUTask", other) is None


def test_a_status_is_told_without_a_channel() -> None:
    """The page has no ChannelId any more, and 4 to 6 are statuses."""
    endpoint = Endpoint(contract=EDITION, now=NOW)
    ask = EXAMPLES["GetMPUTaskStatus"]
    assert answered(endpoint, "GetMPUTaskStatus", ask) == "InvalidTask.NotFound"
    assert answered(endpoint, "StartMPUTask", EXAMPLES["StartMPUTask"]) is None
    endpoint.set_status((ask["AppId"], ask["TaskId"]), 5)
    assert answered(endpoint, "GetMPUTaskStatus", ask) is None
    assert endpoint.calls[-1].warnings == ()
    assert endpoint.status((ask["AppId"], ask["TaskId"])) == 5
    assert endpoint.tasks == []
