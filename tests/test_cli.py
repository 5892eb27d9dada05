"""The command line: exit codes, help, and one clear line for what went wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from cirkd.cli import main
from cirkd.training.recipes import RECIPES


def test_help_lists_commands_and_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "evaluate" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in RECIPES)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["dance"], 2, "no command 'dance'"),
        (["train", "nothing"], 1, "no recipe 'nothing'"),
        (["evaluate", "gone.safetensors"], 1, "no such file"),
        (["train", "camvid-baseline"], 1, "--root"),
    ],
)
def test_errors_are_one_line_on_stderr(
    words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    error = capsys.readouterr().err
    assert says in error
    assert len(error.strip().splitlines()) == 1


def test_train_and_evaluate_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.training.tiny import write_camvid

    root = write_camvid(tmp_path / "camvid")
    flags = f"--root {root} --steps 2 --batch-size 2 --runs {tmp_path} --workers 0 --augmentation.crop 48 64"
    assert main(["train", "camvid-baseline", *flags.split()]) == 0
    assert "val mIoU" in capsys.readouterr().out
    checkpoint = tmp_path / "camvid-baseline" / "camvid-baseline.safetensors"
    said = []
    for named in (["camvid", "--root", str(root)], ["camvid/val", "--split", "test", "--root", str(root)], [str(root)]):
        assert main(["evaluate", str(checkpoint), "--data", *named]) == 0
        said.append(capsys.readouterr().out)
    assert "on camvid val" in said[0]
    assert "pedestrian         absent" in said[0]
    assert said[1] == said[0]
    lines = said[2].splitlines()
    assert "camvid is laid out like CamVid and read as that" in lines.pop(1)
    assert lines == said[0].splitlines()


def test_pytorch_is_imported_after_its_threads_are_told_to_sleep() -> None:
    code = "import sys, cirkd.cli; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
