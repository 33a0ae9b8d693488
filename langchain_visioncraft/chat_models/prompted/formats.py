"""How models write a tool call: a table of formats.

To add a format, add a row with a sample: the tests parse the sample of each row, whole and in
pieces. The text between opener and closer is parsed by `langchain_visioncraft.chat_models
.prompted.bodies`, which understands JSON, a name before JSON, tags, and Python.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

from langchain_visioncraft._reasoning import beginnings
from langchain_visioncraft.chat_models.prompted.bodies import TAG


@dataclass(frozen=True)
class Format:
    """A way to write a call.

    Attributes:
        family: The models that write it.
        source: Where the form is documented.
        opener: The text before the call. Empty for forms without a mark, which are calls only if
            they name a tool that was offered.
        body: A call of ``get_weather`` with the city Oslo and 2 days.
        closer: The text after the call; empty if the end of the body or of the answer ends it.
    """

    family: str
    source: str
    opener: str
    body: str
    closer: str = ""

    @property
    def sample(self) -> str:
        """The call, whole."""
        return self.opener + self.body + self.closer


_ARGS = '{"city": "Oslo", "days": 2}'
_JSON = f'{{"name": "get_weather", "arguments": {_ARGS}}}'
_PYTHON = 'get_weather(city="Oslo", days=2)'
_XML = (
    "\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n2\n"
    "</parameter>\n</function>\n"
)
_INVOKE = (
    '\n<invoke name="get_weather">\n<parameter name="city">Oslo</parameter>\n'
    '<parameter name="days">2</parameter>\n</invoke>\n'
)
_DSML = re.sub(r"(</?)", r"\1｜DSML｜", _INVOKE)
_GLM = (
    "get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n"
    "<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n"
)
_GEMMA = 'call:get_weather{city:<|"|>Oslo<|"|>,days:2}'
_COHERE = '[{"tool_call_id": "0", "tool_name": "get_weather", "parameters": ' + _ARGS + "}]"

_TEMPLATE = "chat template of "
_VLLM = "vllm/tool_parsers/"
_SGLANG = "sglang/srt/function_call/"

FORMATS = (
    # The form that models are asked to write comes first.
    Format("Hermes, Qwen 2.5 and 3, Granite 4, SmolLM3, ERNIE 4.5", _TEMPLATE + "Qwen3",
           "<tool_call>", f"\n{_JSON}\n", "</tool_call>"),
    Format("Qwen3-Coder, Qwen3.5, Nemotron 3, Step 3.5", _TEMPLATE + "Qwen3-Coder",
           "<tool_call>", _XML, "</tool_call>"),
    Format("GLM 4.5 to 5", _TEMPLATE + "GLM-4.5", "<tool_call>", _GLM, "</tool_call>"),
    Format("Granite 3.1 to 3.3", _VLLM + "granite_tool_parser.py", "<tool_call>", f"[{_JSON}]"),
    Format("Granite 3.0", _VLLM + "granite_tool_parser.py", "<|tool_call|>", f"[{_JSON}]",
           "<|/tool_call|>"),
    Format("Granite 20B, Qwen 2.5 in part", "vllm/examples/tool_chat_template_granite_20b_fc.jinja",
           "<function_call>", f" {_JSON}", "</function_call>"),
    Format("Jamba, Hunyuan, MiniMax M1, Apriel", _VLLM + "jamba_tool_parser.py",
           "<tool_calls>", f"[{_JSON}]", "</tool_calls>"),
    Format("Nemotron Nano 2", _TEMPLATE + "Nemotron-Nano-9B-v2", "<TOOLCALL>", f"[{_JSON}]",
           "</TOOLCALL>"),
    Format("Qwen2.5-Coder", "vllm-project/vllm#20688", "<tools>", f"\n{_JSON}\n", "</tools>"),
    Format("Longcat", _VLLM + "longcat_tool_parser.py", "<longcat_tool_call>", _JSON,
           "</longcat_tool_call>"),
    Format("InternLM 2", _TEMPLATE + "internlm2_5-7b-chat", "<|action_start|>",
           f"<|plugin|>\n{_JSON}", "<|action_end|>"),
    Format("Mistral, tokenizers v2 to v7", _TEMPLATE + "Mistral-Nemo-Instruct-2407",
           "[TOOL_CALLS", f"] [{_JSON}]", "[/TOOL_CALLS]"),
    Format("Mistral, tokenizer v11", "mistral_common/tokens/tokenizers/instruct.py",
           "[TOOL_CALLS", f"]get_weather[CALL_ID]call00001[ARGS]{_ARGS}"),
    Format("Mistral, tokenizer v13", "mistral_common/tokens/tokenizers/instruct.py",
           "[TOOL_CALLS]", f"get_weather[ARGS]{_ARGS}"),
    Format("Llama 3 in the mode for code", _TEMPLATE + "Llama-3.1-8B-Instruct",
           "<|python_tag|>", f"get_weather.call({_PYTHON[12:]}", "<|eom_id|>"),
    Format("Llama 3, tools of one's own; Functionary 3.1", _TEMPLATE + "functionary-medium-v3.1",
           "<function=", f"get_weather>{_ARGS}", "</function>"),
    Format("Llama 4", _VLLM + "llama4_pythonic_tool_parser.py", "<|python_start|>", f"[{_PYTHON}]",
           "<|python_end|>"),
    Format("Gemma 4", _TEMPLATE + "gemma-4", "<|tool_call>", _GEMMA, "<tool_call|>"),
    Format("FunctionGemma", _TEMPLATE + "functiongemma-270m-it", "<start_function_call>",
           _GEMMA.replace('<|"|>', "<escape>"), "<end_function_call>"),
    Format("LFM2", _TEMPLATE + "LFM2-1.2B", "<|tool_call_start|>", f"[{_PYTHON}]",
           "<|tool_call_end|>"),
    Format("OLMo 3", _VLLM + "olmo3_tool_parser.py", "<function_calls>", f"\n{_PYTHON}\n",
           "</function_calls>"),
    Format("what Claude is asked for", "Anthropic's documentation of tool use",
           "<function_calls>", _INVOKE, "</function_calls>"),
    Format("the same without its frame", _VLLM + "minimax_m2_tool_parser.py", "<invoke",
           _INVOKE[8:-10], "</invoke>"),
    Format("MiniMax M2", _TEMPLATE + "MiniMax-M2", "<minimax:tool_call>", _INVOKE,
           "</minimax:tool_call>"),
    Format("Seed-OSS", _TEMPLATE + "Seed-OSS-36B-Instruct", "<seed:tool_call>", _XML,
           "</seed:tool_call>"),
    Format("DeepSeek V3, R1", _SGLANG + "deepseekv3_detector.py", "<｜tool▁calls▁begin｜>",
           "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
           f"```json\n{_ARGS}\n```<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"),
    Format("DeepSeek V3.1", _SGLANG + "deepseekv31_detector.py", "<｜tool▁calls▁begin｜>",
           f"<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{_ARGS}<｜tool▁call▁end｜>",
           "<｜tool▁calls▁end｜>"),
    Format("DeepSeek without the outer mark", _SGLANG + "deepseekv31_detector.py",
           "<｜tool▁call▁begin｜>", f"get_weather<｜tool▁sep｜>{_ARGS}", "<｜tool▁call▁end｜>"),
    Format("DeepSeek V3.2", _SGLANG + "deepseekv32_detector.py",
           "<｜DSML｜function_calls>", _DSML, "</｜DSML｜function_calls>"),
    Format("DeepSeek V4", _TEMPLATE + "DeepSeek-V4", "<｜DSML｜tool_calls>", _DSML,
           "</｜DSML｜tool_calls>"),
    Format("Step 3", _VLLM + "step3_tool_parser.py", "<｜tool_calls_begin｜>",
           "\n<｜tool_call_begin｜>function<｜tool_sep｜>"
           + re.sub(r"(</?)", r"\1steptml:", _INVOKE.strip()) + "<｜tool_call_end｜>\n",
           "<｜tool_calls_end｜>"),
    Format("Kimi K2", _TEMPLATE + "Kimi-K2-Instruct", "<|tool_calls_section_begin|>",
           "<|tool_call_begin|>functions.get_weather:0"
           f"<|tool_call_argument_begin|>{_ARGS}<|tool_call_end|>", "<|tool_calls_section_end|>"),
    Format("Kimi K2 without the outer mark", _SGLANG + "kimik2_detector.py", "<|tool_call_begin|>",
           f"get_weather:0<|tool_call_argument_begin|>{_ARGS}", "<|tool_call_end|>"),
    Format("Kimi K3", _TEMPLATE + "Kimi-K3", "<|open|>tools<|sep|>",
           '<|open|>call tool="get_weather" index="1"<|sep|><|open|>argument '
           'key="city" type="string"<|sep|>Oslo<|close|>argument<|sep|><|open|>argument key="days" '
           'type="number"<|sep|>2<|close|>argument<|sep|><|close|>call<|sep|>',
           "<|close|>tools<|sep|>"),
    Format("MiniMax M3", _TEMPLATE + "MiniMax-M3", "]<]minimax[>[<tool_call>",
           re.sub("(?=<)", "]<]minimax[>[", '\n<invoke name="get_weather"><city>Oslo</city>'
           "<days>2</days></invoke>\n"), "]<]minimax[>[</tool_call>"),
    Format("MiniCPM5", _TEMPLATE + "MiniCPM5-1B", "",
           '<function name="get_weather"><param name="city">Oslo</param>'
           '<param name="days"><![CDATA[2]]></param>', "</function>"),
    Format("Solar Open", _TEMPLATE + "Solar-Open-100B", "<|tool_calls|>",
           f"<|tool_call:begin|>a1b2c3d4e5<|tool_call:name|>get_weather<|tool_call:args|>{_ARGS}",
           "<|tool_call:end|>"),
    Format("GigaChat 3", _TEMPLATE + "GigaChat3-10B", "function call<|role_sep|>", f"\n{_JSON}"),
    Format("GigaChat 3.1", _TEMPLATE + "GigaChat3.1-10B", "<|function_call|>",
           f"{_JSON}<|message_sep|>"),
    Format("HyperCLOVA X", _VLLM + "hyperclovax", "-> tool/function_call", f"\n[{_JSON}]"),
    Format("Hunyuan 3", _TEMPLATE + "Hy3", "<tool_calls:opensource>",
           re.sub(r"(?=>)", ":opensource", f"\n<tool_call>{_GLM}</tool_call>\n").replace(
               "weather\n", "weather<tool_sep:opensource>\n"), "</tool_calls:opensource>"),
    Format("Command R7B, Command A", _TEMPLATE + "c4ai-command-r7b-12-2024", "<|START_ACTION|>",
           _COHERE, "<|END_ACTION|>"),
    Format("Command R", _TEMPLATE + "c4ai-command-r-v01", "", f"Action:\n```json\n{_COHERE}```"),
    Format("Apertus", _TEMPLATE + "Apertus-8B-Instruct-2509", "<|tools_prefix|>",
           f'[{{"get_weather": {_ARGS}}}]', "<|tools_suffix|>"),
    Format("gpt-oss", _TEMPLATE + "gpt-oss-20b", "<|channel|>commentary to=",
           f"functions.get_weather <|constrain|>json<|message|>{_ARGS}", "<|call|>"),
    Format("gpt-oss, its tokens stripped", "skip_special_tokens of transformers",
           "assistantcommentary to=", f"functions.get_weather json{_ARGS}"),
    Format("gpt-oss, the same without a thought before", "skip_special_tokens of transformers",
           "commentary to=", f"functions.get_weather json{_ARGS}"),
    Format("gpt-oss, in its analysis", "llama.cpp/common/parsers/gpt-oss.cpp",
           "<|channel|>analysis to=", f"functions.get_weather code<|message|>{_ARGS}", "<|call|>"),
    Format("gpt-oss, the recipient first", _TEMPLATE + "gpt-oss-20b",
           "to=functions.", f"get_weather<|channel|>commentary json<|message|>{_ARGS}", "<|call|>"),
    Format("Functionary 2", "functionary/tests/prompt_test_v2.txt",
           "<|recipient|>", f"get_weather\n<|content|>{_ARGS}", "<|stop|>"),
    Format("Functionary 3.2", _TEMPLATE + "functionary-small-v3.2", "", f">>>get_weather\n{_ARGS}"),
    Format("Phi-4-mini, Firefunction 2", _VLLM + "phi4mini_tool_parser.py", "functools[",
           f"{_JSON}]"),
    Format("Gorilla", "gorilla/openfunctions", "<<function>>", _PYTHON),
    Format("NexusRaven", "nexusflow/NexusRaven-V2-13B", "", f"Call: {_PYTHON}<bot_end>"),
    Format("Qwen 2", "qwen_agent/llm/fncall_prompts/qwen_fncall_prompt.py",
           "✿FUNCTION✿:", f" get_weather\n✿ARGS✿: {_ARGS}\n", "✿RESULT✿"),
    Format("Llama 3", _TEMPLATE + "Llama-3.1-8B-Instruct", "",
           f'{{"name": "get_weather", "parameters": {_ARGS}}}'),
    Format("xLAM, Hammer", "vllm/examples/tool_chat_template_xlam_qwen.jinja", "",
           f"```\n[{_JSON}]\n```"),
    Format("Llama 3.2 in Python", _VLLM + "pythonic_tool_parser.py", "", f"[{_PYTHON}]"),
    Format("Gemma 2 and 3", "Google's documentation of function calling with Gemma", "",
           f"```tool_code\nprint({_PYTHON})\n```"),
    Format("GLM 4", "ml-explore/mlx-swift-lm#491", "", f"get_weather\n{_ARGS}"),
    Format("ChatGLM 3", _TEMPLATE + "chatglm3-6b", "",
           f"get_weather\n```python\ntool_call({_PYTHON[12:]}\n```"),
    Format("Cline, Roo Code", "cline/src/core/prompts/system.ts", "",
           "<get_weather>\n<city>Oslo</city>\n<days>2</days>\n</get_weather>"),
    Format("ReAct", "Yao et al., arXiv:2210.03629", "", "Thought: I need it.\nAction: get_weather\n"
           f"Action Input: {_ARGS}\nObservation: sunny"),
    Format("LangChain's JSON agents", "langchain/agents/json_chat/prompt.py", "",
           f'```json\n{{"action": "get_weather", "action_input": {_ARGS}}}\n```'),
    Format("OpenAI's first form", "OpenAI's API reference of 2023-06", "",
           '{"function_call": {"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\", '
           '\\"days\\": 2}"}}'),
    Format("OpenAI's form", "OpenAI's API reference", "",
           '{"tool_calls": [{"id": "1", "type": "function", "function": ' + _JSON + "}]}"),
)  # fmt: skip

STOPS = (">>>all\n", "<|from|>assistant\n", "<|recipient|>all\n<|content|>", "✿RETURN✿:",
         "<|eom|>", "<|eot|>", "<|message_model|>", "<|message_sep|>", "<|end_of_msg|>", "[e~[",
         "<|channel|>commentary to=assistant", "<|close|>message<|sep|>", "<|calls|>",
         "<|start|>assistant", "<|im_start|>assistant",
         "<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>", "<end_of_turn>", "<turn|>", "</s>",
         "<|endoftext|>", "<|end_of_text|>", "[|endofturn|]", "<|stop|>", "<end_code>",
         "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "<bot_end>",
         "<|observation|>")  # fmt: skip
"""End-of-answer tokens, which some hosts leave in the text."""

RESULTS = ("<start_function_response>", "<|im_start|>", "<|start_header_id|>",
           "<start_of_turn>", "<|user|>",
           "<tool_response>", "<|tool_response>", "<function_results>", "Observation:",
           "```tool_output", "<｜tool▁outputs▁begin｜>", "✿RESULT✿")  # fmt: skip
"""The beginning of a result: a model that writes it goes on to imagine one."""


def call_text(body: str) -> str:
    """A call, given as JSON, as models are asked to write it."""
    return f"{FORMATS[0].opener}\n{body}\n{FORMATS[0].closer}"


def written_call(name: str, arguments: Any) -> str:
    """A call as models are asked to write it."""
    body = {"name": name, "arguments": arguments}
    return call_text(json.dumps(body, ensure_ascii=False, default=str))


# ---- what may begin and end a call, derived from the table --------------------------------------

OPENERS = {row.opener for row in FORMATS} - {""}
CLOSERS = {row.closer for row in FORMATS} - {""}
ALL = ">>>all\n"
MARKS = sorted({*OPENERS, *CLOSERS, *RESULTS, *STOPS} - {ALL}, key=len, reverse=True)
# Tags that mean the same as those of the table, in the spelling of another model.
CALL_TAG = (
    r"(?:\]<\]minimax\[>\[)?<(?=[^\s])[^<>\n\"'={}()]{0,32}?"
    r"(?i:(?:tool|function)[\s_▁\\]{0,3}(?:call|use)s?|[|｜]\s?calls|(?<=<)call(?=>))[^<>\n\"'={}()]{0,24}>"
)
CLOSING = re.compile(
    r"</|<[|｜]/|<\w+[|｜]>|<\|close|\[/|(?i:(?<![a-z])end(?![a-z]))|<\|e[om][a-z]_id\|>"
)
ANY_MARK = rf"{'|'.join(map(re.escape, MARKS))}|{CALL_TAG}"
CLOSER = re.compile(
    "|".join(map(re.escape, sorted(CLOSERS, key=len, reverse=True)))
    + rf"|(?=</|<[|｜]/|<\w+[|｜]>|<[^<>\n]{{0,32}}(?i:(?<![a-z])end)){CALL_TAG}"
)
LABEL = r"[*_\d]{0,3}\s{0,4}:[*_]{0,2}\s{0,10}"
QUOTES = r"[\[\"'`]{0,3}"
LINE_GAP = r"\s?(?:\[ARGS\]|<\|[^<>\n]{1,40}>)?\s{0,6}(?:```\w{0,10}\s{0,4})?"


@functools.lru_cache(maxsize=64)
def call_patterns(tools: frozenset[str]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The beginnings of a call, and the beginnings of those."""
    names = sorted(tools, key=lambda name: (-len(name), name))
    spaces = "functions.", "default_api.", "default_api:", "tools.", "function"
    prefix = "|".join(map(re.escape, spaces))
    any_name = rf"(?:{prefix})?(?:{'|'.join(map(re.escape, names))})"
    line = (
        r"^[ \t]{0,40}(?:>>>)?(?:<code>)?(?:"
        rf"[*_]{{0,2}}[Aa]ction\s?{LABEL}(?:(?:```\w{{0,10}}\s{{0,4}})?\[\s{{0,8}}\{{|{QUOTES}{any_name}\b)"
        rf"|(?:Call: ?)?(?:await |print\()?{any_name}(?:\.call)?\(|call:{any_name}[{{(]"
        rf"|{any_name}(?::\d{{1,4}}|[A-Za-z0-9]{{9}})?{LINE_GAP}(?:\{{|tool_call\()|<{any_name}>|{any_name}\s{{0,4}}<\w{{0,12}}arg_key>)"
        rf"|to={any_name}\s?<\|"
    )
    marks = "|".join(map(re.escape, MARKS))
    whole = (
        rf"(?P<line>{line})|(?P<tag>{CALL_TAG}|{TAG.pattern})|(?P<mark>^{ALL}|{marks})"
        r"|(?P<fence>`{1,10})|(?P<json>[\[{])"
    )
    spelled = [f"{space}{name}" for space in ("", *spaces) for name in names]
    words = [*spelled, *(f"<{name}>" for name in spelled), ALL, "Action:",
             "action:", "Call: ", "call:", "print(", "await ", ">>>", "**Action",
             "<code>"]  # fmt: skip
    others = [*MARKS, *(f"to={name}{blank}<|" for blank in ("", " ") for name in spelled)]
    begun = (
        r"^[ \t]{0,40}(?:(?:>>>)?(?:<code>)?(?:Call: ?|call:|print\(|await )?"
        rf"(?:{beginnings(words)})"
        rf"|(?:>>>)?(?:<code>)?(?:Call: ?|print\(|await )?{any_name}[\s:.\w`\[\]<>|]{{0,64}}"
        rf"|[*_]{{0,2}}[Aa]ction[\s\d*_]{{0,8}}(?::[\s`\w\[\"'*./:-]{{0,64}})?)?\Z"
        rf"|(?:\]<\]minimax\[>\[)?<(?:\|open\|>)?[^<>\n]{{0,80}}\s{{0,2}}\Z|(?:{beginnings(others)}|`{{1,10}})\Z"
    )
    return re.compile(whole, re.MULTILINE), re.compile(begun, re.MULTILINE)
