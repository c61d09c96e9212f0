"""``python -m sparring_local_sagemaker``."""

from sparring_local_sagemaker.cli import main

main()
