"""The closing line of `make test`: what could not run here and why, or that everything did.

    closing.py --begin    forgets what an earlier run could not do
"""

import sys

from installation import target_dir

NOT_RUN = target_dir() / "tmp/not-run.txt"


def main() -> int:
    if "--begin" in sys.argv:
        NOT_RUN.unlink(missing_ok=True)
        return 0
    lines = sorted(set(NOT_RUN.read_text().splitlines())) if NOT_RUN.exists() else []
    for line in lines:
        print(f"not run here: {line}")
    print("all that could run passed" if lines else "every test ran and passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
