"""Which files are likely to hold keys or passwords, by their names: what no prompt shows and no index holds."""

from __future__ import annotations

from revet.protected import matches

__all__ = ["is_secret"]

SECRETS = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".pypirc", "pip.conf", ".npmrc", ".git-credentials"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "id_rsa*", "id_dsa*", "id_ecdsa*"),
    *("id_ed25519*", ".htpasswd", ".pgpass", ".my.cnf", "credentials", "credentials.*", "secrets.*", "*.tfstate"),
    *(".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", "service-account*.json", "*.tfvars"),
)
HARMLESS = ("*.example", "*.sample", "*.template", "secrets.py", "credentials.py", "*.pub")
"""Names like those of secrets, of what is meant to be read: code, examples, public keys."""


def is_secret(path: str) -> bool:
    """True for a file that by its name is likely to hold a key or a password."""
    folder, _, name = path.rpartition("/")
    if matches(folder, SECRETS):
        return True
    return matches(name, SECRETS) and not matches(name, HARMLESS)
