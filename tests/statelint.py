"""Runs statelint over the state machines. It does not know that the numbers of a JSONata state may be expressions
(https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html), so those findings are left out."""

import re
import subprocess
import sys
from pathlib import Path

EXPRESSION = re.compile(r'is "\{%.*%\}" but should be')
BIN = Path(sys.executable).parent


def findings(machine: Path) -> list[str]:
    ran = subprocess.run([str(BIN / "statelint"), str(machine)], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    return [line for line in lines if not EXPRESSION.search(line) and not re.fullmatch(r"(\d+|One) errors?:", line)]


def main() -> int:
    machines = sorted((Path(__file__).resolve().parent.parent / "statemachines").glob("*.asl.json"))
    found = [f"{machine.name}: {finding}" for machine in machines for finding in findings(machine)]
    print("\n".join(found) if found else f"{len(machines)} state machines are well formed")
    return 1 if found or not machines else 0


if __name__ == "__main__":
    sys.exit(main())
