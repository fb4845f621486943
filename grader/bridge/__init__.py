"""The bridge: how tests on the trusted side use objects that live in the sandbox."""
