"""The base class of the errors that the harness raises."""


class HarnessError(Exception):
    """
    An error of the harness; its message says what is wrong and what to do.

    - `HarnessError`
      - `BadReport`: a file is not a complete report (also a `ValueError`)
      - `BadBaseline`: a file is not a baseline (also a `ValueError`)
      - `BadRecording`: a folder of recordings is unusable (also a `ValueError`)
      - `BadSubmission`: a result cannot be published (also a `ValueError`)
      - `CannotMerge`: reports are of different runs (also a `ValueError`)
      - `BadTarget`: a server must not or cannot be tested (also a `ValueError`)
      - `Unreachable`: no server accepts connections at the base URL
      - `CouldNotRun`: a run cannot begin, or its key was rejected
      - `PlanError`: no test cases can be planned for a document
      - `Unusable`: the upstream of a gateway test is unusable
      - `LedgerError`: a ledger does not allow a step, or does not respond
        - `BadLedgerAddress`: no ledger can have this address (also a `ValueError`)
        - `LedgerUnavailable`: the ledger does not respond
        - `LeaseLost`: another worker has the lane
        - `LaneBusy`: another worker has the lane, and its lease has not ended
        - `LaneDiffers`: the lane was begun with another server, seed or document
        - `CampaignCancelled`: no more questions may be asked
      - `NoScheduler`: no scheduler of Dask responds at an address
      - `Unreadable`: recorded traffic cannot be read (also a `ValueError`)

    Errors in a provider's folder are `specs.SpecError`.
    """
