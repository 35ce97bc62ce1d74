"""Landfall as a user without our command would install it: packages, a bucket, `aws cloudformation deploy`."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
BIN = Path(sys.executable).parent


def target_dir() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def functions() -> dict[str, str]:
    """Names of the functions and of their binaries."""
    control = {folder.name: f"landfall-{folder.name}" for folder in folders("control")}
    return control | {folder.name: f"landfall-module-{folder.name}" for folder in folders("modules")}


def folders(group: str) -> list[Path]:
    return sorted(path for path in (ROOT / "functions" / group).iterdir() if (path / "policy.json").exists())


def build() -> Path:
    """Builds the functions and the command for this machine, and answers the folder of the binaries."""
    packages = [*functions().values(), "landfall-cli"]
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", *(word for name in packages for word in ("--package", name))],
        cwd=ROOT,
        check=True,
    )
    return target_dir() / "debug"


def package(binary: Path) -> bytes:
    """A zip that holds `bootstrap`; the same binary gives the same bytes."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, binary.read_bytes())
    return buffer.getvalue()


@dataclass
class Account:
    """An account of the local AWS. Its 12-digit id is the access key of its root."""

    endpoint: str
    id: str
    pid: int = 0

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.id,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, **credentials):
        chosen = {"aws_access_key_id": self.id, "aws_secret_access_key": "test", "region_name": REGION} | credentials
        config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"})
        return boto3.client(service, endpoint_url=self.endpoint, config=config, **chosen)

    def aws(self, *arguments: str) -> str:
        """Runs the AWS CLI."""
        ran = subprocess.run(
            [str(BIN / "aws"), *arguments], env=self.environment(), capture_output=True, text=True, check=False
        )
        if ran.returncode != 0:
            raise RuntimeError(f"aws {' '.join(arguments)}: {ran.stdout}{ran.stderr}")
        return ran.stdout


@dataclass
class Installation:
    """An installed Landfall."""

    account: Account
    stack: str
    binaries: Path
    outputs: dict[str, str]

    @property
    def bucket(self) -> str:
        return self.outputs["ConfigBucket"]

    @property
    def table(self) -> str:
        return self.outputs["Table"]

    @property
    def api(self) -> str:
        return self.outputs["ApiUrl"]

    def landfall(self, *arguments: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess:
        """Runs our own command as a user would, without a terminal."""
        ran = subprocess.run(
            [str(self.binaries / "landfall"), *arguments, "--stack", self.stack],
            env=self.account.environment() | {"LANDFALL_API": self.api, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
            cwd=ROOT,
        )
        if check and ran.returncode != 0:
            raise RuntimeError(f"landfall {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran


def install(account: Account, binaries: Path, stack: str = "landfall", behind: str | None = None) -> Installation:
    """Deploys the checked-in template with the AWS CLI alone. `behind` is where the functions find AWS, if elsewhere."""
    artifacts = f"{stack}-artifacts-{account.id}"
    account.aws("s3", "mb", f"s3://{artifacts}")
    s3 = account.client("s3")
    parameters = {"ArtifactBucket": artifacts, "Architecture": architecture(), "EndpointUrl": behind or account.endpoint}
    for name, binary in functions().items():
        body = package(binaries / binary)
        key = f"{name}/{hashlib.sha256(body).hexdigest()}.zip"
        s3.put_object(Bucket=artifacts, Key=key, Body=body)
        parameters["".join(word.capitalize() for word in name.split("-")) + "Package"] = key
    account.aws(
        "cloudformation",
        "deploy",
        "--template-file",
        str(ROOT / "bootstrap/template.yaml"),
        "--stack-name",
        stack,
        "--s3-bucket",
        artifacts,
        "--capabilities",
        "CAPABILITY_NAMED_IAM",
        "--parameter-overrides",
        *(f"{name}={value}" for name, value in parameters.items()),
    )
    described = json.loads(account.aws("cloudformation", "describe-stacks", "--stack-name", stack, "--output", "json"))
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}
    return Installation(account=account, stack=stack, binaries=binaries, outputs=outputs)


def architecture() -> str:
    return "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"
