"""Reads the model as Primus, the pictures by TensorFlow's own client, and writes `result`.

Makes the calls that the published example makes, in its order. It is written anew and knows nothing
of the local cloud: no path, address or certificate is told to it.
https://github.com/GoogleCloudPlatform/confidential-space/tree/main/codelabs/ml_model_protection
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.auth import identity_pool
from google.cloud import storage

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def reader() -> Any:
    """Credentials of the model's reader, from the token that the launcher keeps fresh."""
    described = {
        "type": "external_account",
        "audience": os.environ["MODEL_AUDIENCE"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "/run/container_launcher/attestation_verifier_claims_token"},
        "service_account_impersonation_url": (
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
            f"{os.environ['MODEL_READER']}:generateAccessToken"
        ),
    }
    credentials = identity_pool.Credentials.from_info(described)  # type: ignore[no-untyped-call]  # has no types
    return credentials.with_scopes(SCOPES)


def response(path: str, signature: Any) -> dict[str, Any]:
    """The classes of one picture, best first."""
    picture = tf.image.decode_image(tf.io.read_file(path), channels=3)
    pixels = tf.image.resize(picture, (128, 128)) / 127.5 - 1.0
    (scores,) = signature(tf.expand_dims(pixels, axis=0)).values()
    best = tf.math.top_k(scores[0], 5)
    top = [
        {"class_index": int(index), "score": float(score)}
        for index, score in zip(best.indices, best.values, strict=True)
    ]
    return {"predicted_class": top[0]["class_index"], "top_k_predictions": top}


def main() -> None:
    """All of it; whatever fails ends in a traceback that nobody sees."""
    bucket, _, name = os.environ["MODEL_URI"].removeprefix("gs://").partition("/")
    archive = Path.cwd() / "model.tar.gz"
    storage.Client(credentials=reader()).bucket(bucket).blob(name).download_to_filename(archive)
    with tarfile.open(archive) as packed:
        packed.extractall(Path.cwd(), filter="data")
    loaded = tf.saved_model.load(str(Path.cwd() / "saved_model"))
    signature = loaded.signatures["serving_default"]
    operator = storage.Client()
    pictures = os.environ["INPUT_URI"].removeprefix("gs://")
    lines = [
        f"Image: {blob.name}, Response: {response(f'gs://{pictures}/{blob.name}', signature)}"
        for blob in operator.bucket(pictures).list_blobs()
        if blob.name.endswith((".jpg", ".jpeg", ".png"))
    ]
    result = operator.bucket(os.environ["RESULT_URI"].removeprefix("gs://")).blob("result")
    with result.open("w") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
