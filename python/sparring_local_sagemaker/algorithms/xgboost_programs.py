"""The XGBoost image's two programs: ``python -m sparring_local_sagemaker.algorithms.xgboost_programs train``."""

import sys

from sparring.container.xgboost_import import import_alone

if __name__ == "__main__":
    import_alone()
    from sparring_local_sagemaker.algorithms.xgboost import main

    sys.exit(main(sys.argv[1]))
