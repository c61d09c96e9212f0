"""The XGBoost image's two programs: ``python -m sparring_local_sagemaker.algorithms.xgboost_programs train``."""

import sys

from sparring.container.xgboost_import import import_xgboost_without_sklearn

if __name__ == "__main__":
    import_xgboost_without_sklearn()
    from sparring_local_sagemaker.algorithms.xgboost import main

    sys.exit(main(sys.argv[1]))
