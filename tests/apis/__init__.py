"""Tests of the interfaces for users."""
