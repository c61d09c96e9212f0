"""Any command of Sparring as a Spark job, on the session that ``spark-submit`` prepared.

``spark-submit --py-files sparring.zip python/sparring/jobs/command.py audit s3a://b/train s3a://b/test --label late``
``spark-submit ... python/sparring/jobs/command.py run mine.yaml --until split --output s3a://bucket/runs/mine``

The exit code is the command's, so that a step that fails is seen to.
"""

from __future__ import annotations

from sparring.cli import main

if __name__ == "__main__":
    main()
