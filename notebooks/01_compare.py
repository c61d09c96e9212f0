# Databricks notebook source
# MAGIC %md
# MAGIC # Compare three ways to train
# MAGIC
# MAGIC One table, three training paths - Spark MLlib, SageMaker, one machine - and one honest page.
# MAGIC The same cells run on Databricks and, as `python notebooks/01_compare.py`, anywhere else.
# MAGIC On Databricks install the wheel first: `%pip install sparring-*.whl`.

# COMMAND ----------

# Parameters: widgets on Databricks, environment variables elsewhere.
import os

defaults = {"config": "demo", "output": "runs/notebook", "overrides": ""}
if "dbutils" in globals():
    for name, value in defaults.items():
        dbutils.widgets.text(name, value)
    parameters = {name: dbutils.widgets.get(name) for name in defaults}
else:
    parameters = {name: os.environ.get(f"SPARRING_{name.upper()}", value) for name, value in defaults.items()}

# COMMAND ----------

from sparring.config import load_config

config = load_config(parameters["config"], parameters["overrides"].split())
print(f"{config.name}: {', '.join(contender.name for contender in config.contenders)}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What would happen
# MAGIC The plan is checked against the table; nothing is trained yet.

# COMMAND ----------

from sparring.run.pipeline import Run

run = Run(config, parameters["output"])
for step, what in run.plan():
    print(f"{step:<24} {what}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The comparison
# MAGIC Stages that an earlier run in the same folder finished are kept.

# COMMAND ----------

finished = run.execute()

# COMMAND ----------

from rich.console import Console

from sparring.cli.runs import print_result

print_result(finished.facts, finished.page, Console(width=120, highlight=False))

# COMMAND ----------

# MAGIC %md
# MAGIC ## The page

# COMMAND ----------

from sparring.io import storage

if "displayHTML" in globals():
    displayHTML(storage.read_text(finished.page))
