"""From a conformed frame to what a learner takes: scikit-learn transformers that tolerate missing values and unseen categories."""

from enum import StrEnum
from typing import Any

import numpy as np

from driftgate.lifecycle.schema import ColumnKind, Schema

MOST_ONE_HOT_LEVELS = 50
"""Rarer levels of a column share one indicator."""

MOST_NATIVE_LEVELS = 254
"""Histogram learners take at most 255 codes a column, one of which is for missing values; rarer levels share one."""


class Style(StrEnum):
    """What the learner needs: everything finite, scaled and one-hot, or codes with NaN for what is missing or unseen."""

    SCALED = "scaled"
    CODED = "coded"


def preprocessing(schema: Schema, style: Style, most_levels: int | None = None) -> Any:
    """An unfitted ColumnTransformer over the schema's features: numeric ones first, then categorical, as a dense float array.

    Scaled: missing numbers become the training median; a missing or unseen category has indicators of its own or all zero.
    Coded: numbers pass as they are, categories become codes, missing and unseen ones NaN.
    """
    from sklearn.compose import ColumnTransformer

    numeric, categorical = list(schema.named(ColumnKind.NUMERIC)), list(schema.named(ColumnKind.CATEGORICAL))
    steps: list[tuple[str, Any, list[str]]] = []
    if numeric:
        steps.append(("numeric", _scaled_numbers() if style is Style.SCALED else "passthrough", numeric))
    if categorical:
        encoder = _one_hot(most_levels or MOST_ONE_HOT_LEVELS) if style is Style.SCALED else _codes(most_levels or MOST_NATIVE_LEVELS)
        steps.append(("categorical", encoder, categorical))
    return ColumnTransformer(steps, remainder="drop", sparse_threshold=0.0, verbose_feature_names_out=False)


def _scaled_numbers() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    # A column may be all missing in one fold of a search.
    return Pipeline([("impute", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())])


def _one_hot(most_levels: int) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=most_levels, sparse_output=False)


def _codes(most_levels: int) -> Any:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=most_levels
    )
