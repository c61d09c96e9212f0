"""Script mode: ``python -m sparring.container.script_mode train|serve`` runs the user's own program.

The names are those of AWS's training toolkit, which puts this between the platform and a script: hyperparameters
``sagemaker_program`` and ``sagemaker_submit_directory``, the others as command line arguments, ``SM_*`` in the
environment.  Source: aws/sagemaker-training-toolkit, README and ``environment.py``.
"""

from __future__ import annotations

import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from sparring.container.source_code import install_source, python_path
from sparring.container.training import TrainingEnvironment, TrainingStopped, run_training

PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"
# Meant for the toolkit, not for the script.
RESERVED_PREFIX = "sagemaker_"
TUNING_METRIC = "_tuning_objective_metric"
ERROR_LINES = 20


def train(environment: TrainingEnvironment) -> None:
    """Fetch the user's source, run its program and wait for its end.

    Raises
    ------
    ValueError
        If no program is named, its source cannot be had, or it fails; with its last lines of standard error.
    """
    given = decoded(environment.hyperparameters)
    code = environment.tree.code
    install_source(str(given.get(SUBMIT_DIRECTORY, "")), code)
    variables = sm_variables(environment, given)
    command = entry_command(program_of(given, environment), code) + arguments(of_user(given))
    print("Invoking script:", *command, flush=True)
    _run(command, code, {**os.environ, **variables, "PYTHONPATH": python_path(code)})


def program_of(given: dict[str, Any], environment: TrainingEnvironment) -> str:
    """Return the name of the user's program, from the hyperparameters or ``SAGEMAKER_PROGRAM``."""
    program = given.get(PROGRAM) or os.environ.get(PROGRAM.upper())
    if not program:
        names = ", ".join(environment.hyperparameters) or "none"
        raise ValueError(
            f"ClientError: hyperparameter {PROGRAM} is missing, which names the script to run; given: {names}"
        )
    return str(program)


def decoded(hyperparameters: dict[str, str]) -> dict[str, Any]:
    """Return hyperparameters as values: the SDK writes each as JSON; what is none is text.

    Examples
    --------
    >>> decoded({"epochs": "3", "name": '"a"', "plain": "b c"})
    {'epochs': 3, 'name': 'a', 'plain': 'b c'}
    """

    def value(text: str) -> Any:
        try:
            return json.loads(text)
        except (TypeError, ValueError):
            return text

    return {name: value(text) for name, text in hyperparameters.items()}


def of_user(given: dict[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that are the script's own."""
    return {
        name: value for name, value in given.items() if not name.startswith(RESERVED_PREFIX) and name != TUNING_METRIC
    }


def arguments(given: dict[str, Any]) -> list[str]:
    """Return hyperparameters as command line arguments, sorted by name.

    Examples
    --------
    >>> arguments({"lr": 0.1, "b": True, "sizes": {"x": 1, "y": 2}})
    ['-b', 'True', '--lr', '0.1', '--sizes', 'x=1,y=2']
    """
    words: list[str] = []
    for name, value in sorted(given.items()):
        words.append(f"--{name}" if len(name) > 1 else f"-{name}")
        if isinstance(value, dict):
            words.append(",".join(f"{key}={item}" for key, item in sorted(value.items())))
        else:
            words.append("" if value is None else str(value))
    return words


def sm_variables(environment: TrainingEnvironment, given: dict[str, Any]) -> dict[str, str]:
    """Return the ``SM_*`` variables of a script."""
    tree, own, program = environment.tree, of_user(given), program_of(given, environment)
    values: dict[str, Any] = {
        "model_dir": str(tree.model),
        "output_dir": str(tree.base / "output"),
        "output_data_dir": str(tree.output_data),
        "output_intermediate_dir": str(tree.base / "output" / "intermediate"),
        "input_dir": str(tree.base / "input"),
        "input_config_dir": str(tree.config),
        "channels": sorted(environment.channels),
        "input_data_config": environment.channels,
        "hosts": environment.hosts,
        "current_host": environment.current_host,
        "network_interface_name": environment.interface,
        "resource_config": {
            "current_host": environment.current_host,
            "hosts": environment.hosts,
            "network_interface_name": environment.interface,
        },
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": gpus(),
        "hps": own,
        "user_args": arguments(own),
        "user_entry_point": program,
        "module_name": program.removesuffix(".py"),
        "module_dir": str(given.get(SUBMIT_DIRECTORY) or tree.code),
        "log_level": int(given.get("sagemaker_container_log_level", 20)),
        "framework_params": {k: v for k, v in given.items() if k.startswith(RESERVED_PREFIX)},
        "framework_module": "sparring.container.script_mode",
    }
    values["training_env"] = {
        **values,
        "job_name": os.environ.get("TRAINING_JOB_NAME", ""),
        "hyperparameters": own,
        "channel_input_dirs": {name: str(tree.data / name) for name in environment.channels},
        "is_master": environment.is_leader,
    }
    values |= {f"channel_{name}": str(tree.data / name) for name in environment.channels}
    values |= {f"hp_{name}": value for name, value in own.items()}
    return {f"SM_{name.upper()}": _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def gpus() -> int:
    """Return how many GPUs the driver lists; none without a driver."""
    if shutil.which("nvidia-smi") is None:
        return 0
    done = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


def entry_command(program: str, code: Path) -> list[str]:
    """Return the command of an entry point: a Python file, a shell script, or a module.

    Raises
    ------
    ValueError
        If the source has no such file or module.
    """
    module = code.joinpath(*program.removesuffix(".py").split("."))
    if program.endswith((".py", ".sh")) and not (code / program).is_file():
        found = ", ".join(sorted(path.name for path in code.iterdir())) or "nothing"
        raise ValueError(f"ClientError: {PROGRAM} {program!r} is not in the source, which holds {found}")
    if program.endswith(".py"):
        return [sys.executable, program]
    if program.endswith(".sh"):
        return ["/bin/sh", f"./{program}"]
    if not module.with_suffix(".py").is_file() and not (module / "__main__.py").is_file():
        raise ValueError(f"ClientError: {PROGRAM} {program!r} is neither a .py, a .sh nor a module of the source")
    return [sys.executable, "-m", program]


def _run(command: list[str], code: Path, variables: dict[str, str]) -> None:
    """Run the script; a stop is handed on to it, and waited for as long as the platform lets us."""
    child = subprocess.Popen(command, cwd=code, env=variables, stderr=subprocess.PIPE)
    last: collections.deque[bytes] = collections.deque(maxlen=ERROR_LINES)
    reader = threading.Thread(target=_copy, args=(child.stderr, last), daemon=True)
    reader.start()
    try:
        code_of_exit = child.wait()
    except TrainingStopped:
        child.send_signal(signal.SIGTERM)
        child.wait()
        raise
    finally:
        if child.poll() is None:
            child.kill()
        reader.join(5)
    if code_of_exit != 0:
        said = b"".join(last).decode(errors="replace").strip()
        raise ValueError(f"ExecuteUserScriptError: {' '.join(command)} ended with code {code_of_exit}\n{said}")


def _copy(stream: Any, last: collections.deque[bytes]) -> None:
    """Pass standard error on as it comes, and remember its end."""
    for line in stream:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        last.append(line)


def main(program: str) -> int:
    """Run ``train`` or ``serve`` and return the exit code."""
    if program == "train":
        return run_training(train)
    from sparring.container.handlers import ScriptPredictor
    from sparring.container.serving import run_serving
    from sparring.container.tree import Tree

    return run_serving(lambda: ScriptPredictor(Tree.of_container()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
