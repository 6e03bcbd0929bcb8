"""The daemon: assembling it, its loop, reload, health, and what it says."""
