"""The tags of Qwen's own form of tool calling, in which its models were trained."""

TOOLS, TOOLS_END = "<tools>", "</tools>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
RESPONSE, RESPONSE_END = "<tool_response>", "</tool_response>"
