//! The Python environment that the local AWS runs in, with exactly the packages of `local/requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Exit, Failure, file_failure};
use crate::steps::Steps;
use crate::ui::Ui;

/// Answers 0 when every requirement is there in its version.
const CHECK: &str = "
import sys
from importlib.metadata import PackageNotFoundError, version
for line in open(sys.argv[1]):
    name, pinned, wanted = line.partition('#')[0].strip().partition('==')
    try:
        if pinned and version(name) != wanted:
            sys.exit(1)
    except PackageNotFoundError:
        sys.exit(1)
";

/// The environment: `LANDFALL_VENV`, or one in the cache folder.
fn folder() -> Result<PathBuf, Failure> {
    if let Some(venv) = std::env::var_os("LANDFALL_VENV").filter(|venv| !venv.is_empty()) {
        return Ok(PathBuf::from(venv));
    }
    let home = std::env::var_os("HOME").ok_or_else(|| {
        Failure::new(Exit::Invalid, "HOME is not set, so there is no place for the Python environment")
            .with_hint("set HOME, or LANDFALL_VENV to a folder of its own")
    })?;
    Ok(PathBuf::from(home).join(".cache/landfall/venv"))
}

/// Its interpreter, which need not be there yet.
pub fn interpreter() -> Result<PathBuf, Failure> {
    Ok(folder()?.join("bin/python"))
}

/// Makes the environment if it is not there or not as it should be, and answers its interpreter.
pub fn ensure(ui: &Ui, root: &Path) -> Result<PathBuf, Failure> {
    let python = interpreter()?;
    let requirements = root.join("local/requirements.txt");
    if python.exists() && is_complete(&python, &requirements) {
        return Ok(python);
    }
    let steps = Steps::new(ui);
    steps.begin("setting up Python for the local AWS", None);
    if !python.exists() {
        let venv = folder()?;
        std::fs::create_dir_all(&venv).map_err(|error| file_failure("make", &venv, &error))?;
        steps.now("a virtual environment");
        let hint = "install Python 3.11 or newer, with its module venv (Debian: python3-venv)";
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv), hint)?;
    }
    steps.now("downloading packages");
    let hint = "the packages come from PyPI: is it reachable? PIP_INDEX_URL names a mirror";
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    run(Command::new(&python).args(pip).arg(&requirements), hint)?;
    steps.done("Python for the local AWS is set up");
    Ok(python)
}

fn is_complete(python: &Path, requirements: &Path) -> bool {
    let check = Command::new(python).args(["-c", CHECK]).arg(requirements).stderr(Stdio::null()).status();
    check.is_ok_and(|status| status.success())
}

fn run(command: &mut Command, hint: &str) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot run {program}: {error}")).with_hint(hint))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Failure::new(Exit::Failed, format!("{program} failed:\n{}", text.trim())).with_hint(hint))
}
