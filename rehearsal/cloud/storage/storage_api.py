"""The routes of Cloud Storage: its JSON API, and reads by the XML API (`xml_objects`).

No gRPC, no signed URLs: the two stacks and the workloads do not need them.
"""

from __future__ import annotations

from rehearsal.cloud.http.routing import Route
from rehearsal.cloud.storage import (
    bucket_iam,
    buckets,
    notifications,
    objects,
    uploads,
    xml_objects,
)

BUCKETS = "/storage/v1/b"
BUCKET = BUCKETS + "/{bucket}"
NOTIFICATIONS = BUCKET + "/notificationConfigs"
OBJECTS = BUCKET + "/o"
OBJECT = OBJECTS + "/{object}"

JSON_ROUTES = (
    Route("POST", BUCKETS, buckets.insert),
    Route("GET", BUCKET, buckets.get),
    Route("PATCH", BUCKET, buckets.patch),
    Route("DELETE", BUCKET, buckets.delete),
    Route("GET", BUCKET + "/anywhereCaches/", buckets.anywhere_caches),
    Route("GET", BUCKET + "/iam", bucket_iam.get_policy),
    Route("PUT", BUCKET + "/iam", bucket_iam.set_policy),
    Route("GET", "/storage/v1/projects/{project}/serviceAccount", notifications.service_account),
    Route("POST", NOTIFICATIONS, notifications.insert),
    Route("GET", NOTIFICATIONS, notifications.list_all),
    Route("GET", NOTIFICATIONS + "/{notification}", notifications.get),
    Route("DELETE", NOTIFICATIONS + "/{notification}", notifications.delete),
    Route("GET", OBJECTS, objects.list_objects),
    Route("GET", OBJECT, objects.get),
    Route("GET", "/download" + OBJECT, objects.get),
    Route("POST", OBJECT + "/rewriteTo/b/{to_bucket}/o/{to_object}", uploads.copy),
    Route("PATCH", OBJECT, objects.patch),
    Route("DELETE", OBJECT, objects.delete),
    Route("POST", "/upload" + OBJECTS, uploads.insert),
    Route("PUT", "/upload" + OBJECTS, uploads.resume),
)
"""The JSON API, which Google serves under www.googleapis.com, too."""

ROUTES = (*JSON_ROUTES, Route("GET", "/{bucket}/{object:path}", xml_objects.read))
