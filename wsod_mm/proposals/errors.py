"""The error that every problem with a proposal file ends in."""

__all__ = ['ProposalFileError']


class ProposalFileError(ValueError):
    """A proposal file (or what it was asked to match) cannot be used; the message names the file
    and the fix."""
