"""An address in S3, taken apart by its text alone: ``#``, ``?`` and ``%`` are letters of a key like any others."""

from __future__ import annotations

SCHEMES = ("s3", "s3a", "s3n")


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``; the key is empty where there is none.

    Raises
    ------
    ValueError
        If the scheme is none of S3's.

    Examples
    --------
    >>> split_s3_uri("s3://bucket/data#1/50%3F?.csv")
    ('bucket', 'data#1/50%3F?.csv')
    >>> split_s3_uri("s3a://bucket")
    ('bucket', '')
    """
    scheme, found, rest = uri.partition("://")
    if not found or scheme not in SCHEMES:
        raise ValueError(f"ClientError: {uri!r} is no address in S3: it must begin with s3://")
    bucket, _, key = rest.partition("/")
    return bucket, key
