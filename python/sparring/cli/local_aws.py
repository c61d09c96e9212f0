"""``sparring local-aws``: the local SageMaker on its own, as its package has it."""

from __future__ import annotations

from sparring.cli.command import Command, Group
from sparring.sagemaker.emulator import application

app = application(Group, Command)
