"""The base class of the errors that the harness raises."""


class HarnessError(Exception):
    """
    An error of the harness; its message says what is wrong and what to do.

    - `HarnessError`
      - `BadReport`: a file is not a complete report (also a `ValueError`)
      - `BadBaseline`: a file is not a baseline (also a `ValueError`)
      - `BadRecording`: a folder of recordings is unusable (also a `ValueError`)
      - `CannotMerge`: reports are of different runs (also a `ValueError`)
      - `BadTarget`: a server must not or cannot be tested (also a `ValueError`)
      - `Unreachable`: no server accepts connections at the base URL
      - `CouldNotRun`: a run cannot begin, or its key was rejected
      - `PlanError`: no test cases can be planned for a document
      - `Unusable`: the upstream of a gateway test is unusable
      - `Unreadable`: recorded traffic cannot be read (also a `ValueError`)

    Errors in a provider's folder are `specs.SpecError`.
    """
