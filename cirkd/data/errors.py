"""The errors that a user can mend: one line that says what came, what was wanted and what to do."""


class CirkdError(Exception):
    """Base of every error that is the input's fault and not the program's."""


class DataError(CirkdError):
    """An image, a label map, a folder or a data set that cannot be used."""


class CheckpointError(CirkdError):
    """A checkpoint that cannot be read, trusted or fitted to a network."""


class StudyError(CirkdError):
    """A combination of models, images and settings that cannot be shown."""


class TrainingError(CirkdError):
    """A recipe or a run that cannot be started, continued or finished."""


class ExportError(CirkdError):
    """Something that cannot be written: where it should go, or in the format asked for."""


class DeviceError(CheckpointError, StudyError):
    """A device or precision that can't be used here, memory that is too small, or numbers that are not finite.

    It is what loading a checkpoint, opening a study and evaluating say of the same fault.
    """


def line_of(error: BaseException, longest: int = 120) -> str:
    """The first line of an error's text, or what kind of error it is."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:longest]
