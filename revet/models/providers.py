"""The providers of chat models that are known by name, as data: what they need, and what their prices are listed under.

The names, packages and classes are those of LangChain's `init_chat_model`; a test compares them with the installed
release. A provider that is only in a newer release than this table still works: see `find`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["PROVIDERS", "Provider", "find", "names"]


@dataclass(frozen=True)
class Provider:
    """`module` holds the class, and comes with the package `install`.

    `keys` are the environment variables that may hold the key, the usual one first; empty where there are other ways
    of signing in, or none is needed. `instead` are variables that make a key needless. `prices` is the provider's name
    in genai-prices; `free` says that its models run on the user's own machine.
    """

    module: str
    chat_model: str
    keys: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    prices: str | None = None
    free: bool = False
    extra: str = ""

    @property
    def package(self) -> str:
        return self.module.partition(".")[0].replace("_", "-") + self.extra

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f'pip install "{self.package}"' if self.extra else f"pip install {self.package}"

    def signed_in(self) -> bool:
        """False if a key is needed and no variable holds one."""
        return not self.keys or any(os.environ.get(name) for name in (*self.keys, *self.instead))


_GATEWAY = ("LANGSMITH_GATEWAY",)

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "anthropic": Provider(
            "langchain_anthropic", "ChatAnthropic", ("ANTHROPIC_API_KEY",), _GATEWAY, prices="anthropic"
        ),
        "anthropic_bedrock": Provider("langchain_aws", "ChatAnthropicBedrock", prices="aws"),
        "azure_ai": Provider("langchain_azure_ai.chat_models", "AzureAIOpenAIApiChatModel", prices="azure"),
        "azure_openai": Provider(
            "langchain_openai", "AzureChatOpenAI", ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"), prices="azure"
        ),
        "baseten": Provider("langchain_baseten", "ChatBaseten", ("BASETEN_API_KEY",), prices="baseten"),
        "bedrock": Provider("langchain_aws", "ChatBedrock", prices="aws"),
        "bedrock_converse": Provider("langchain_aws", "ChatBedrockConverse", prices="aws"),
        "bedrock_mantle_anthropic": Provider("langchain_aws", "ChatAnthropicMantle", prices="aws", extra="[anthropic]"),
        "bedrock_mantle_openai": Provider("langchain_aws", "ChatOpenAIMantle", prices="aws", extra="[openai]"),
        "cohere": Provider("langchain_cohere", "ChatCohere", ("COHERE_API_KEY",), prices="cohere"),
        "deepseek": Provider("langchain_deepseek", "ChatDeepSeek", ("DEEPSEEK_API_KEY",), prices="deepseek"),
        "fireworks": Provider("langchain_fireworks", "ChatFireworks", ("FIREWORKS_API_KEY",), prices="fireworks"),
        "google_anthropic_vertex": Provider(
            "langchain_google_vertexai.model_garden", "ChatAnthropicVertex", prices="google"
        ),
        "google_genai": Provider(
            "langchain_google_genai",
            "ChatGoogleGenerativeAI",
            ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
            ("GOOGLE_GENAI_USE_VERTEXAI",),
            prices="google",
        ),
        "google_vertexai": Provider("langchain_google_vertexai", "ChatVertexAI", prices="google"),
        "groq": Provider("langchain_groq", "ChatGroq", ("GROQ_API_KEY",), prices="groq"),
        "huggingface": Provider("langchain_huggingface", "ChatHuggingFace"),
        "ibm": Provider("langchain_ibm", "ChatWatsonx"),
        "langsmith": Provider("langchain_openai", "ChatOpenAI", ("LANGSMITH_GATEWAY_API_KEY", "LANGSMITH_API_KEY")),
        "litellm": Provider("langchain_litellm", "ChatLiteLLM"),
        "meta": Provider("langchain_meta", "ChatMetaModel", prices="meta"),
        "mistralai": Provider("langchain_mistralai", "ChatMistralAI", ("MISTRAL_API_KEY",), prices="mistral"),
        "nvidia": Provider("langchain_nvidia_ai_endpoints", "ChatNVIDIA"),
        "ollama": Provider("langchain_ollama", "ChatOllama", free=True),
        "openai": Provider(
            "langchain_openai",
            "ChatOpenAI",
            ("OPENAI_API_KEY",),
            (*_GATEWAY, "OPENAI_BASE_URL", "OPENAI_API_BASE"),
            prices="openai",
        ),
        "openrouter": Provider("langchain_openrouter", "ChatOpenRouter", ("OPENROUTER_API_KEY",), prices="openrouter"),
        "perplexity": Provider(
            "langchain_perplexity", "ChatPerplexity", ("PPLX_API_KEY", "PERPLEXITY_API_KEY"), prices="perplexity"
        ),
        "together": Provider("langchain_together", "ChatTogether", ("TOGETHER_API_KEY",), prices="together"),
        "upstage": Provider("langchain_upstage", "ChatUpstage", ("UPSTAGE_API_KEY",)),
        "xai": Provider("langchain_xai", "ChatXAI", ("XAI_API_KEY",), prices="x-ai"),
    }
)


def find(name: str) -> Provider | None:
    """The provider of that name: from the table, or else from the installed LangChain, which is then imported."""
    known = PROVIDERS.get(name)
    if known is not None:
        return known
    entry = _installed().get(name)
    return Provider(entry[0], entry[1]) if entry else None


def names() -> tuple[str, ...]:
    """All names in the table, sorted."""
    return tuple(sorted(PROVIDERS))


def _installed() -> Mapping[str, tuple[str, str]]:
    """Module and class of each provider that the installed LangChain lists; nothing if it keeps that elsewhere."""
    from langchain.chat_models import base

    table = getattr(base, "_BUILTIN_PROVIDERS", {})
    return {name: (str(entry[0]), str(entry[1])) for name, entry in table.items()}
