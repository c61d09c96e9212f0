#!/bin/bash
# The interpreter that the packed environment is a copy of, on every node.
set -euo pipefail
sudo dnf install -y python3.11
