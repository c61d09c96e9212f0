"""Where the built-in algorithms' images are: the registry's account by region.

Source: the region tables of AWS's own ``sagemaker`` Python package, ``image_uri_config/kmeans.json``, ``lda.json``
and ``xgboost.json`` (version 1).  ``sagemaker-pyspark`` knows the first six regions of each.
"""

from __future__ import annotations

import functools

from sparring.errors import ConfigError, did_you_mean

# KMeans, PCA, linear learner, factorization machines.
ALGORITHMS = {
    "eu-west-1": "438346466558",
    "us-east-1": "382416733822",
    "us-east-2": "404615174143",
    "us-west-2": "174872318107",
    "ap-northeast-1": "351501993468",
    "ap-northeast-2": "835164637446",
    "af-south-1": "455444449433",
    "ap-east-1": "286214385809",
    "ap-northeast-3": "364406365360",
    "ap-south-1": "991648021394",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "712309505854",
    "ca-central-1": "469771592824",
    "cn-north-1": "390948362332",
    "cn-northwest-1": "387376663083",
    "eu-central-1": "664544806723",
    "eu-north-1": "669576153137",
    "eu-south-1": "257386234256",
    "eu-west-2": "644912444149",
    "eu-west-3": "749696950732",
    "me-south-1": "249704162688",
    "sa-east-1": "855470959533",
    "us-gov-west-1": "226302683700",
    "us-west-1": "632365934929",
}
LDA = {
    "eu-west-1": "999678624901",
    "us-east-1": "766337827248",
    "us-east-2": "999911452149",
    "us-west-2": "266724342769",
    "ap-northeast-1": "258307448986",
    "ap-northeast-2": "293181348795",
    "ap-south-1": "991648021394",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "297031611018",
    "ca-central-1": "469771592824",
    "eu-central-1": "353608530281",
    "eu-west-2": "644912444149",
    "us-gov-west-1": "226302683700",
    "us-west-1": "632365934929",
}
XGBOOST = {
    "eu-west-1": "685385470294",
    "us-east-1": "811284229777",
    "us-east-2": "825641698319",
    "us-west-2": "433757028032",
    "ap-northeast-1": "501404015308",
    "ap-northeast-2": "306986355934",
    "af-south-1": "455444449433",
    "ap-east-1": "286214385809",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "991648021394",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "544295431143",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "469771592824",
    "cn-north-1": "390948362332",
    "cn-northwest-1": "387376663083",
    "eu-central-1": "813361260812",
    "eu-central-2": "680994064768",
    "eu-north-1": "669576153137",
    "eu-south-1": "257386234256",
    "eu-south-2": "104374241257",
    "eu-west-2": "644912444149",
    "eu-west-3": "749696950732",
    "me-central-1": "272398656194",
    "me-south-1": "249704162688",
    "sa-east-1": "855470959533",
    "us-gov-east-1": "237065988967",
    "us-gov-west-1": "226302683700",
    "us-west-1": "632365934929",
}
# The regions that sagemaker-pyspark 1.4.5 has an account for.
LIBRARY_REGIONS = tuple(ALGORITHMS)[:6]
TAG = "1"


def builtin_image(repository: str, region: str) -> str:
    """Return the URI of a built-in algorithm's image.

    Parameters
    ----------
    repository : str
        Such as ``"kmeans"``.
    region : str

    Raises
    ------
    ConfigError
        If the algorithm is not offered in the region.

    Examples
    --------
    >>> builtin_image("xgboost", "eu-west-1")
    '685385470294.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1'
    """
    accounts = {"xgboost": XGBOOST, "lda": LDA}.get(repository, ALGORITHMS)
    if region not in accounts:
        raise ConfigError(
            f"sagemaker.region: SageMaker's {repository} is not known to be in {region}; known: {', '.join(accounts)}",
            f"Choose another region, or give its URI in sagemaker.image.{did_you_mean(region, list(accounts))}",
        )
    return f"{accounts[region]}.dkr.ecr.{region}.{dns_suffix(region)}/{repository}:{TAG}"


@functools.cache
def dns_suffix(region: str) -> str:
    """Return the domain of a region's services; China has one of its own."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
