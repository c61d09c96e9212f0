"""The XGBoost image's two programs: ``python -m sparring.sagemaker.local.algorithms.xgboost_programs train``."""

import sys

from sparring.boosting import import_alone

if __name__ == "__main__":
    import_alone()
    from sparring.sagemaker.local.algorithms.xgboost import main

    sys.exit(main(sys.argv[1]))
