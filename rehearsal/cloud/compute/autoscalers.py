"""Autoscalers of one zone: the size of a group follows the backlog of a Pub/Sub subscription.

https://docs.cloud.google.com/compute/docs/autoscaler/scaling-cloud-monitoring-metrics
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from rehearsal.cloud.compute.resources import LINK, ROOT, done, invalid, missing, new, relative
from rehearsal.cloud.http.conventions import require_known_fields
from rehearsal.cloud.http.rest import Call, Method
from rehearsal.cloud.state import Autoscaler

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud, Json

FIELDS: Final = frozenset({"autoscalingPolicy", "description", "name", "target"})
POLICY: Final = frozenset(
    {"coolDownPeriodSec", "customMetricUtilizations", "maxNumReplicas", "minNumReplicas", "mode"}
)
"""Others, such as processor load and schedules, are not modelled."""
METRIC: Final = "pubsub.googleapis.com/subscription/num_undelivered_messages"
METRIC_FIELDS: Final = frozenset({"filter", "metric", "singleInstanceAssignment"})
FILTER: Final = re.compile(
    r'resource\.type ?= ?"?pubsub_subscription"? AND '
    r'resource\.labels?\.subscription_id ?= ?"?(?P<subscription>[^"\s]+)"?'
)


def wanted(cloud: Cloud, autoscaler: Autoscaler) -> int | None:
    """The number of machines for the messages of this moment; None without the subscription.

    The metric counts each message that is not acknowledged, also one that was delivered.
    https://docs.cloud.google.com/pubsub/docs/monitoring#monitoring_the_backlog
    """
    (metric,) = autoscaler.doc["autoscalingPolicy"]["customMetricUtilizations"]
    subscription = cloud.subscriptions.get(
        f"projects/{autoscaler.project}/subscriptions/{_subscription(metric)}"
    )
    if subscription is None:
        return None
    return math.ceil(len(subscription.backlog) / float(metric["singleInstanceAssignment"]))


def within(autoscaler: Autoscaler, size: int) -> int:
    """The size, or the nearest one that the policy allows."""
    policy = autoscaler.doc["autoscalingPolicy"]
    bounded: int = min(max(size, policy["minNumReplicas"]), policy["maxNumReplicas"])
    return bounded


def _subscription(metric: Json) -> str:
    found = FILTER.fullmatch(metric.get("filter", ""))
    return found["subscription"] if found else ""


def _insert(call: Call) -> Json:
    key, fixed = new(call, call.cloud.autoscalers)
    here = f"{LINK}projects/{call.project.id}/zones/{call.path['zone']}"
    body = require_known_fields(call.body, FIELDS)
    doc, group = _checked(call, {"kind": "compute#autoscaler", **body, **fixed, "zone": here})
    for other in call.cloud.autoscalers.values():
        if other.group == group:
            raise invalid("resource.target", doc["target"], "It has an autoscaler already.")
    zone, name = call.path["zone"], body["name"]
    call.cloud.autoscalers[key] = Autoscaler(call.project.id, zone, name, doc, group)
    return done(call, "insert", fixed)


def _checked(call: Call, doc: Json) -> tuple[Json, str]:
    """The resource with all that it needs, and the key of its group; ApiError 400, 403."""
    group = relative(call, doc.get("target", ""))
    call.require("compute.instanceGroupManagers.use", group)
    if group not in call.cloud.groups or call.cloud.groups[group].deletion is not None:
        why = "The referenced instance group manager resource cannot be found."
        raise invalid("resource.target", doc.get("target", ""), why)
    given = require_known_fields(doc.get("autoscalingPolicy") or {}, POLICY)
    policy: Json = {"coolDownPeriodSec": 60, "mode": "ON", "minNumReplicas": 0, **given}
    path = "resource.autoscalingPolicy"
    if policy["mode"] != "ON":
        raise invalid(f"{path}.mode", policy["mode"], "Only ON is modelled.")
    least, most = policy["minNumReplicas"], policy.get("maxNumReplicas", 0)
    if not 0 <= least <= most or most == 0:
        why = f"Expected at least 1, and not less than minNumReplicas ({least})."
        raise invalid(f"{path}.maxNumReplicas", most, why)
    metrics = policy.get("customMetricUtilizations") or []
    if len(metrics) != 1:
        raise invalid(
            f"{path}.customMetricUtilizations", len(metrics), "Exactly one metric is modelled."
        )
    path, metric = f"{path}.customMetricUtilizations[0]", metrics[0]
    require_known_fields(metric, METRIC_FIELDS)
    if metric.get("metric") != METRIC:
        raise invalid(f"{path}.metric", metric.get("metric"), f"Only {METRIC} is modelled.")
    if not _subscription(metric):
        why = f"Only a filter for one subscription is modelled: {FILTER.pattern}"
        raise invalid(f"{path}.filter", metric.get("filter", ""), why)
    assignment = metric.get("singleInstanceAssignment", 0)
    if not assignment > 0:
        raise invalid(f"{path}.singleInstanceAssignment", assignment, "It must be positive.")
    link = {"target": LINK + group, "status": "ACTIVE"}
    return {**doc, **link, "autoscalingPolicy": policy}, group


def _find(call: Call, key: str) -> Autoscaler:
    try:
        return call.cloud.autoscalers[key]
    except KeyError:
        raise missing(key) from None


def _get(call: Call) -> Json:
    return _find(call, call.resource).doc


def _update(call: Call) -> Json:
    """Replace what the autoscaler that the query names has; what the body lacks is gone."""
    autoscaler = _find(call, f"{call.resource}/{call.query.get('autoscaler', '')}")
    body = require_known_fields(call.body, FIELDS)
    fixed = {key: value for key, value in autoscaler.doc.items() if key not in FIELDS}
    doc, group = _checked(call, {**fixed, **body, "name": autoscaler.name})
    if group != autoscaler.group:
        raise invalid("resource.target", doc["target"], "The target cannot be changed.")
    autoscaler.doc = doc
    return done(call, "update", doc)


def _delete(call: Call) -> Json:
    """The group keeps the size that it has."""
    autoscaler = _find(call, call.resource)
    del call.cloud.autoscalers[call.resource]
    return done(call, "delete", autoscaler.doc)


AUTOSCALERS = f"{ROOT}/zones/{{zone}}/autoscalers"
AUTOSCALER, PERMISSION = f"{AUTOSCALERS}/{{autoscaler}}", "compute.autoscalers."
METHODS: Final = (
    Method("POST", AUTOSCALERS, f"{PERMISSION}create", _insert),
    Method("PUT", AUTOSCALERS, f"{PERMISSION}update", _update),
    Method("GET", AUTOSCALER, f"{PERMISSION}get", _get),
    Method("DELETE", AUTOSCALER, f"{PERMISSION}delete", _delete),
)
